import itertools
import random
from collections.abc import Callable, Sequence

import pytest

from ops.failure import Failure
from ops.letters import Description, Letter
from ops.redriving import BATCH, Box, Wanted
from ops.sending import Sender
from tests.unit.facts import fact
from tests.unit.memory import AtOnce
from tests.unit.ops.letterbox import CrashError, Fuse, MemoryLetters, MemoryOutlet
from tidings.contracts import OrderCancelled
from tidings.events import encode
from tidings.relay import Entry

runs = itertools.count()


def event(order: str, n: int = 1) -> str:
    return encode(fact(OrderCancelled(reason="customer"), order=order, n=n))


def sender(outlet: MemoryOutlet) -> Sender:
    return Sender(outlet, f"run-{next(runs)}", AtOnce(), pause=lambda _seconds: None)


def of(*, order: str | None = None, reason: str | None = None) -> Wanted:
    return lambda each: order in (None, each.order) and reason in (None, each.reason)


def orders(count: int, events: int = 1) -> list[str]:
    return [event(f"order-{o}", n) for o in range(count) for n in range(1, events + 1)]


def filled(bodies: Sequence[str], fuse: Fuse | None = None, *, fifo: bool = True) -> MemoryLetters:
    letters = MemoryLetters(fuse or Fuse())
    for body in bodies:
        letters.add(body, group_of(body) if fifo else None, reason="gave-up")
    return letters


def group_of(body: str) -> str:
    return body.partition('"subject":"')[2].partition('"')[0] or "group"


@pytest.mark.parametrize("fifo", [True, False])
def test_all_letters_are_sent_back_and_deleted(fifo: bool) -> None:
    bodies = orders(25, 3)
    letters, outlet = filled(bodies, fifo=fifo), MemoryOutlet()
    done = Box(letters, "dlq").redrive(sender(outlet).send)
    assert sorted(outlet.bodies()) == sorted(bodies)
    assert letters.stored == []
    assert (done.sent, done.back) == ({"gave-up": 75}, {})


def test_a_group_keeps_its_order_however_many_letters_it_has() -> None:
    bodies = [event("a", n) for n in range(1, 26)] + [event("b", n) for n in range(1, 26)]
    random.Random(1).shuffle(bodies)  # noqa: S311 - not for secrecy
    letters, outlet = filled(bodies), MemoryOutlet()
    Box(letters, "dlq").redrive(sender(outlet).send)
    for order in "ab":
        assert [each for each in outlet.bodies() if group_of(each) == order] == [
            each for each in bodies if group_of(each) == order
        ]


def test_each_sending_has_an_id_that_no_run_and_no_attempt_had_before() -> None:
    bodies = orders(12)
    seen: set[str] = set()
    for _ in range(3):
        letters, outlet = filled(bodies), MemoryOutlet(seen=seen)
        Box(letters, "dlq").redrive(sender(outlet).send)
        assert len(outlet.arrived) == 12
    assert len(seen) == 36


def test_what_is_not_wanted_stays_and_is_given_back_at_once() -> None:
    bodies = orders(30, 2)
    letters, outlet = filled(bodies), MemoryOutlet()
    Box(letters, "dlq").redrive(sender(outlet).send, of(order="order-17"))
    assert outlet.bodies() == [event("order-17", 1), event("order-17", 2)]
    assert letters.bodies() == [body for body in bodies if group_of(body) != "order-17"]
    assert letters.hidden == set()


def test_a_wanted_letter_is_found_behind_unwanted_ones_of_its_group() -> None:
    letters, outlet = MemoryLetters(), MemoryOutlet()
    for order in range(15):
        letters.add(event(f"order-{order}", 1), f"order-{order}", reason="gave-up")
    for order in range(15):
        letters.add(event(f"order-{order}", 2), f"order-{order}", reason="breaks-contract")
    Box(letters, "dlq").redrive(sender(outlet).send, of(reason="breaks-contract"))
    assert sorted(outlet.bodies()) == sorted(event(f"order-{order}", 2) for order in range(15))
    assert len(letters.stored) == 15
    assert letters.hidden == set()


def test_what_holds_no_event_goes_back_to_its_own_group_under_its_own_id() -> None:
    letters, outlet = MemoryLetters(), MemoryOutlet()
    letters.add("no event", "some-group", reason="undecodable")
    Box(letters, "dlq").redrive(sender(outlet).send)
    (arrived,) = outlet.arrived
    assert (arrived.entry.body, arrived.entry.head.subject) == ("no event", "some-group")
    assert arrived.entry.head.type == ""
    assert arrived.deduplication.startswith("letter-0#")


@pytest.mark.parametrize("body", ["no event", event("a")])
def test_what_fails_again_at_once_comes_back_and_is_sent_once_only(body: str) -> None:
    letters = filled([body, *orders(12)])

    def handles(entry: Entry) -> None:
        if entry.body == body:
            letters.add(entry.body, entry.head.subject, reason="breaks-contract")

    outlet = MemoryOutlet(handles=handles)
    done = Box(letters, "dlq").redrive(sender(outlet).send)
    assert outlet.bodies().count(body) == 1
    assert letters.bodies() == [body]
    assert letters.hidden == set()
    assert (done.sent, done.back) == ({"gave-up": 13}, {"breaks-contract": 1})


def test_a_refused_message_ends_the_redrive_and_stays_with_all_that_was_not_sent() -> None:
    bodies = orders(12)
    letters, outlet = filled(bodies), MemoryOutlet(refuse={bodies[11]})
    with pytest.raises(Failure, match="1 messages were refused 6 times"):
        Box(letters, "dlq").redrive(sender(outlet).send)
    assert set(letters.bodies()) == {bodies[10], bodies[11]}
    assert letters.hidden == set()
    outlet.refuse.clear()
    Box(letters, "dlq").redrive(sender(outlet).send)
    assert set(outlet.bodies()) == set(bodies)
    assert letters.stored == []


def test_what_was_sent_and_cannot_be_deleted_is_sent_again_by_the_next_run() -> None:
    letters, outlet = filled(orders(3)), MemoryOutlet()
    letters.stuck = {"letter-1"}
    with pytest.raises(Failure, match="could not be deleted"):
        Box(letters, "dlq").redrive(sender(outlet).send)
    assert letters.bodies() == [event("order-1")]
    letters.stuck = set()
    Box(letters, "dlq").redrive(sender(outlet).send)
    assert outlet.bodies().count(event("order-1")) == 2
    assert letters.stored == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fifo", [True, False])
def test_a_crash_at_any_call_loses_nothing_and_the_same_command_ends_it(after: bool, fifo: bool) -> None:
    bodies = orders(7, 2)
    for at in itertools.count(1):
        fuse = Fuse(at, after)
        letters, outlet = filled(bodies, fuse, fifo=fifo), MemoryOutlet(fuse)
        try:
            Box(letters, "dlq").redrive(sender(outlet).send)
        except CrashError:
            assert set(letters.bodies()) | set(outlet.bodies()) == set(bodies)
        ended = fuse.calls < at
        letters.later()
        fuse.at, fuse.blown = 0, False
        Box(letters, "dlq").redrive(sender(outlet).send)
        assert letters.stored == []
        assert set(outlet.bodies()) == set(bodies)
        assert max(map(outlet.bodies().count, bodies)) <= 2
        if fifo:
            in_order(outlet.bodies())
        if ended:
            break
    assert at > 10


def in_order(arrived: Sequence[str]) -> None:
    """The first of an order has come before its second does."""
    for n, body in enumerate(arrived):
        if body.partition('"sequence":')[2].startswith("2"):
            assert event(group_of(body), 1) in arrived[:n]


def test_looking_shows_every_letter_in_its_groups_order_and_changes_nothing() -> None:
    bodies = [event(f"order-{o}", n) for n in (1, 2, 3) for o in range(14)]
    letters = filled(bodies)
    seen = [letter.body for letter, _ in Box(letters, "dlq").look()]
    assert sorted(seen) == sorted(bodies)
    for order in range(14):
        mine = [body for body in seen if group_of(body) == f"order-{order}"]
        assert mine == [event(f"order-{order}", n) for n in (1, 2, 3)]
    assert letters.bodies() == bodies
    assert letters.hidden == set()


@pytest.mark.parametrize(("limit", "calls"), [(20, 2), (15, 2), (1, 1)])
def test_looking_ends_at_a_limit(limit: int, calls: int) -> None:
    letters = filled(orders(50))
    assert len(Box(letters, "dlq").look(limit=limit)) == limit
    assert letters.receipts == calls
    assert letters.hidden == set()


def test_of_a_group_of_more_than_ten_the_first_ten_are_seen() -> None:
    letters = filled([event("a", n) for n in range(1, 15)])
    assert len(Box(letters, "dlq").look()) == BATCH


def test_letters_that_are_held_for_too_long_are_shown_once_and_the_looking_ends() -> None:
    letters = filled(orders(25), fifo=False)
    receive = letters.receive

    def forgetful() -> Sequence[Letter]:
        letters.later()
        letters.stored = [*letters.stored[10:], *letters.stored[:10]]
        return receive()

    letters.receive = forgetful  # type: ignore[method-assign]  # a queue whose time is always over
    seen = [letter.id for letter, _ in Box(letters, "dlq").look()]
    assert sorted(seen) == sorted(letter.id for letter in letters.stored)


def test_what_is_dropped_was_recorded_before() -> None:
    letters, recorded = filled(orders(25)), list[Letter]()

    def record(some: Sequence[Letter]) -> None:
        assert {letter.id for letter in some} <= {letter.id for letter in letters.stored}
        recorded.extend(some)

    dropped = Box(letters, "dlq").drop(record, of(order="order-3"))
    assert [letter.body for letter in recorded] == [event("order-3")]
    assert dropped == {"gave-up": 1}
    assert event("order-3") not in letters.bodies()
    assert len(letters.stored) == 24
    assert letters.hidden == set()


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_while_dropping_leaves_every_letter_there_or_recorded(after: bool) -> None:
    bodies = orders(25)
    for at in itertools.count(1):
        fuse = Fuse(at, after)
        letters, recorded = filled(bodies, fuse), set[str]()

        def record(some: Sequence[Letter], fuse: Fuse = fuse, recorded: set[str] = recorded) -> None:
            fuse.call(lambda: recorded.update(letter.body for letter in some))

        try:
            Box(letters, "dlq").drop(record)
        except CrashError:
            assert set(letters.bodies()) | recorded == set(bodies)
        if fuse.calls < at:
            break
    assert at > 5


def test_whatever_lies_in_the_queue_every_wanted_letter_goes_and_every_other_stays(chance: random.Random) -> None:
    for _ in range(200):
        letters, outlet = MemoryLetters(), MemoryOutlet()
        fifo = chance.random() < 0.5
        for n in range(chance.randrange(40)):
            # A group of more than ten could not be seen as a whole.
            group = f"order-{n // 9 if chance.random() < 0.5 else n}"
            body = event(group, n + 1) if chance.random() < 0.8 else f"no event {n}"
            letters.add(body, group if fifo else None, reason=chance.choice(["gave-up", "undecodable"]))
        before = list(letters.stored)
        wanted: Callable[[Description], bool] = of(reason="gave-up")
        Box(letters, "dlq").redrive(sender(outlet).send, wanted)
        reasons = {letter.body: letter.attributes["reason"] for letter in before}
        assert sorted(outlet.bodies()) == sorted(body for body in reasons if reasons[body] == "gave-up")
        assert letters.stored == [letter for letter in before if letter.attributes["reason"] != "gave-up"]
        assert letters.hidden == set()
