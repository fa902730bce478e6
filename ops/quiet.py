"""Waiting until what was sent to a queue is dealt with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.failure import Failure
from ops.waiting import wait_until
from tidings.clock import Clock, now, rfc3339
from tidings.consumer import LONGEST_POSTPONEMENT

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

STALLED_SECONDS = 20 * 60
"""A queue whose count does not move for so long is not being handled: longer than any message is postponed."""

LONGEST_SECONDS = 60 * 60
"""How long to wait for what should take minutes."""


@dataclass(frozen=True, kw_only=True)
class Delays:
    """How long AWS may take to show what is, in seconds; a local cloud takes none.

    `counts`: a queue's approximate counts (Amazon SQS API Reference, "GetQueueAttributes"). `index`: a table's index.
    `policy`: a subscription's filter policy (Amazon SNS Developer Guide, "Subscription filter policies").
    `postponement`: for how long a message that failed is put off at most.
    """

    counts: float
    index: float
    policy: float
    postponement: int = 0


ON_AWS = Delays(counts=60, index=5, policy=15 * 60, postponement=LONGEST_POSTPONEMENT)
LOCALLY = Delays(counts=0, index=0, policy=0, postponement=16)


@dataclass(frozen=True)
class Held:
    """How many messages a queue holds: `waiting` to be received, or `hidden`, which are in somebody's hands."""

    waiting: int
    hidden: int


@dataclass(frozen=True)
class Quiet:
    """Waits for queues, and never longer than `patience` seconds without anything moving."""

    sqs: "SQSClient"
    delays: Delays
    clock: Clock = now
    patience: float = STALLED_SECONDS

    def held(self, queue: str) -> Held:
        """What a queue holds right now, as far as it can tell."""
        counts = self.sqs.get_queue_attributes(
            QueueUrl=queue,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesDelayed",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )["Attributes"]
        waiting = int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesDelayed"])
        return Held(waiting, int(counts["ApproximateNumberOfMessagesNotVisible"]))

    def until_unhandled(self, queue: str) -> None:
        """Waits until no message of the queue is in anybody's hands, its consumer having been stopped."""
        self._until(queue, lambda held: held.hidden == 0, "messages in its consumer's hands", LONGEST_SECONDS)

    def until_recorded(self, queue: str) -> str:
        """Waits until history has recorded all that it was sent before this call; gives the time as of which it has."""
        self._until(queue, self._dealt_with(queue), "events that history has not recorded yet", LONGEST_SECONDS)
        end = self.clock() + 1
        wait_until(lambda: self.clock() - end >= self.delays.index * 1000, LONGEST_SECONDS, "the index")
        return rfc3339(end)

    def until_handled(self, queue: str, says: Callable[[str], None]) -> None:
        """Waits until the consumer has dealt with all that the queue holds, however many that are."""
        dealt_with = self._dealt_with(queue)

        def condition(held: Held) -> bool:
            says(f"{held.waiting + held.hidden} messages")
            return dealt_with(held)

        self._until(queue, condition, "messages that its consumer does not handle", float("inf"))

    def _dealt_with(self, queue: str) -> Callable[[Held], bool]:
        """Whether a queue is empty; or was, but for what was in somebody's hands, which then has ended or come back.

        A busy queue is never quite empty: new messages come in all the time.
        """
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout"])["Attributes"]
        # What failed may have been put off for as long as that, and then be in somebody's hands.
        in_hands = (int(attributes["VisibilityTimeout"]) + self.delays.postponement) * 1000
        begun = self.clock()
        taken: int | None = None

        def dealt_with(held: Held) -> bool:
            nonlocal taken
            if taken is None and held.waiting == 0 and self._tells(begun):
                taken = self.clock()
            return held == Held(0, 0) or (taken is not None and self.clock() - taken > in_hands)

        return dealt_with

    def _tells(self, begun: int) -> bool:
        """Whether what a queue says of itself by now is later than `begun`."""
        return self.clock() - begun >= self.delays.counts * 1000

    def _until(self, queue: str, condition: Callable[[Held], bool], of_what: str, timeout: float) -> None:
        begun = moved = self.clock()
        last: Held | None = None

        def met() -> bool:
            nonlocal last, moved
            held = self.held(queue)
            if held != last:
                last, moved = held, self.clock()
            if condition(held) and self._tells(begun):
                return True
            if self.clock() - moved > self.patience * 1000:
                raise Failure(f"{queue} holds {held.waiting + held.hidden} {of_what}, and nothing moves")
            return False

        wait_until(met, timeout, f"{queue}: the end of the {of_what}")
