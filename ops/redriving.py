"""Goes through a queue of failures: looks at its letters, sends them back or drops them, and loses none on the way.

A letter is deleted only after it was sent, or recorded. A break between the two leaves it there, and what was sent
comes once more: a duplicate, which consumers ignore.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ops.letters import Description, Kind, Letter, described, entry_of
from ops.quiet import Held
from tidings.relay import Entry

BATCH = 10
"""What one call receives at most (Amazon SQS API Reference, "ReceiveMessage")."""


class Letters(Protocol):
    """A queue of failures."""

    def receive(self) -> Sequence[Letter]:
        """At most ten letters, hidden from then on for a short time; none where all are in somebody's hands."""

    def delete(self, letters: Sequence[Letter]) -> None:
        """Deletes letters that were received; Failure where one of them stays."""

    def release(self, letters: Sequence[Letter]) -> None:
        """Gives letters back at once. It never fails: by themselves they come back a little later."""

    def held(self) -> Held:
        """How many letters there are."""


Wanted = Callable[[Description], bool]
Send = Callable[[Sequence[Entry]], None]
"""Sends messages to a consumer's queue, those of a group in the order given; Failure where one is refused for good."""

Record = Callable[[Sequence[Letter]], None]
"""Writes letters down for good."""

Take = Callable[[Sequence[Letter]], Sequence[Letter]]
"""Is shown letters, each once, and gives those of them that are done with: they are deleted."""


def everything(_description: Description) -> bool:
    """Wants every letter."""
    return True


@dataclass(frozen=True)
class Box:
    """A queue of failures, and what kind of failures it keeps."""

    letters: Letters
    kind: Kind

    def look(self, wanted: Wanted = everything, limit: int | None = None) -> list[tuple[Letter, Description]]:
        """The wanted letters, or the first `limit` of them; all stay."""
        found: list[tuple[Letter, Description]] = []

        def take(letters: Sequence[Letter]) -> Sequence[Letter]:
            found.extend(self._chosen(letters, wanted))
            return ()

        walk(self.letters, take, enough=lambda: limit is not None and len(found) >= limit)
        return found[:limit]

    def redrive(self, send: Send, wanted: Wanted = everything) -> "Redriven":
        """Sends the wanted letters back to where they came from.

        What fails again at once comes back while the letters are gone through: it is sent once only.
        """
        done = Redriven()
        sent: set[str] = set()

        def take(letters: Sequence[Letter]) -> Sequence[Letter]:
            chosen = []
            for letter, description in self._chosen(letters, wanted):
                if letter.body in sent:
                    done.back[description.reason] += 1
                    continue
                sent.add(letter.body)
                chosen.append((letter, description))
            send([entry_of(letter) for letter, _ in chosen])
            done.sent.update(description.reason for _, description in chosen)
            return [letter for letter, _ in chosen]

        walk(self.letters, take)
        return done

    def drop(self, record: Record, wanted: Wanted = everything) -> Counter[str]:
        """Deletes the wanted letters, each after it was recorded; gives how many, by reason."""
        dropped: Counter[str] = Counter()

        def take(letters: Sequence[Letter]) -> Sequence[Letter]:
            chosen = self._chosen(letters, wanted)
            record([letter for letter, _ in chosen])
            dropped.update(description.reason for _, description in chosen)
            return [letter for letter, _ in chosen]

        walk(self.letters, take)
        return dropped

    def _chosen(self, letters: Sequence[Letter], wanted: Wanted) -> list[tuple[Letter, Description]]:
        read = [(letter, described(letter, self.kind)) for letter in letters]
        return [(letter, description) for letter, description in read if wanted(description)]


@dataclass(frozen=True)
class Redriven:
    """How many letters were sent, by reason; and of how many there was one like it that had been sent already."""

    sent: Counter[str] = field(default_factory=Counter)
    back: Counter[str] = field(default_factory=Counter)


def walk(letters: Letters, take: Take, enough: Callable[[], bool] = lambda: False) -> None:
    """Shows `take` every letter once, those of a group in their order; what it leaves is given back at the end.

    Letters are held until then, so that the queue hands out others. A FIFO queue hands out no more of a group while
    some of it are held. So where letters are left over, each group is given back and received anew as a whole, which
    shows its first ten: what lies behind ten that are to stay cannot be seen (Amazon SQS Developer Guide, "FIFO queue
    delivery logic").
    """
    held: dict[str, Letter] = {}

    def receive() -> tuple[int, int]:
        """How many letters came, and how many of them were new."""
        batch = letters.receive()
        new = [letter for letter in batch if letter.id not in held]
        # A letter that was held for too long comes once more, with another receipt.
        held.update((letter.id, letter) for letter in batch)
        done = take(new) if new else ()
        if done:
            letters.delete(done)
        for letter in done:
            del held[letter.id]
        return len(batch), len(new)

    try:
        again = 0
        while not enough() and again <= len(held):
            came, new = receive()
            if not came:
                break
            again = 0 if new else again + came
        for group in dict.fromkeys(letter.group for letter in held.values() if letter.group):
            while not enough() and letters.held().waiting:
                letters.release([letter for letter in held.values() if letter.group == group])
                if not receive()[1]:
                    break
    finally:
        letters.release(list(held.values()))
