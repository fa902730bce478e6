import random
from collections.abc import Iterable

from functions.history.buckets import moment
from functions.history.reading import Logged
from ops.sequence import Gap, Sequencer, Watermark, causal
from tests.unit.facts import NOON_MILLIS, fact
from tidings.clock import rfc3339
from tidings.contracts import OrderDispatched
from tidings.events import decode, encode

END = rfc3339(NOON_MILLIS + 10**9)


def logged(order: str, n: int, at: float, *, source: str = "orders", time: float | None = None) -> Logged:
    """The n-th event of a source and order, recorded so many seconds after noon; happened then too, unless told."""
    happened = rfc3339(NOON_MILLIS + round((at if time is None else time) * 1000))
    body = encode(fact(OrderDispatched(), source=source, n=n, order=order, time=happened))
    event = decode(body)
    return Logged(moment(rfc3339(NOON_MILLIS + round(at * 1000)), event.id), body, event)


def ids(events: Iterable[Logged]) -> list[str]:
    return [each.event.id for each in events]


def test_an_orders_events_stand_in_causal_order_though_they_were_recorded_otherwise() -> None:
    effect = logged("a", 1, 1, source="payment", time=0.5)
    cause = logged("a", 1, 2, time=0.1)
    other = logged("b", 1, 1.5)
    assert ids(causal([effect, other, cause])) == ids([cause, other, effect])


def test_orders_keep_their_places_among_each_other(chance: random.Random) -> None:
    events = sorted(
        (logged(f"o{n}", k, n + chance.random() * 30, time=n + k) for n in range(40) for k in range(1, 4)),
        key=lambda each: each.moment,
    )
    replayed = list(causal(events))
    assert [each.event.subject for each in replayed] == [each.event.subject for each in events]
    for order in {each.event.subject for each in events}:
        numbers = [each.event.sequence for each in replayed if each.event.subject == order]
        assert numbers == [1, 2, 3]


def test_no_more_is_held_than_the_window() -> None:
    taken = 0

    def reading() -> Iterable[Logged]:
        nonlocal taken
        for n in range(100):
            taken += 1
            yield logged(f"o{n}", 1, n)

    next(iter(causal(reading(), seconds=10_000, limit=7)))
    assert taken == 8
    taken = 0
    next(iter(causal(reading(), seconds=5)))
    assert taken == 7


def test_an_event_recorded_too_late_is_sent_before_its_followers_and_not_again() -> None:
    first, second, third = logged("a", 1, 0), logged("a", 2, 5_000), logged("a", 3, 100)
    log = [first, third, second]
    sequencer = Sequencer(lambda _order: log, END)
    assert [ids(sequencer.follow(each)) for each in log] == [ids([first]), ids([second, third]), []]
    assert sequencer.gaps == set()


def test_a_number_that_is_nowhere_in_the_log_is_a_gap_and_holds_nothing_up() -> None:
    log = [logged("a", 1, 0), logged("a", 4, 10), logged("b", 2, 20, source="payment")]
    sequencer = Sequencer(lambda order: [each for each in log if each.event.subject == order], END)
    assert [ids(sequencer.follow(each)) for each in log] == [[each.event.id] for each in log]
    assert sequencer.gaps == {Gap("a", "orders", 2), Gap("a", "orders", 3), Gap("b", "payment", 1)}


def test_what_lies_before_the_beginning_or_after_the_end_is_neither_sent_nor_a_gap() -> None:
    before, within, late = logged("a", 1, 0), logged("a", 3, 10), logged("a", 2, 99)
    sequencer = Sequencer(lambda _order: [before, within, late], rfc3339(NOON_MILLIS + 50_000))
    assert ids(sequencer.follow(within)) == ids([within])
    assert sequencer.gaps == set()


def test_of_an_order_that_is_forgotten_the_log_is_asked_and_nothing_is_sent_twice() -> None:
    log = [logged("a", 1, 0), logged("b", 1, 1), logged("a", 2, 2)]
    asked: list[str] = []

    def recall(order: str) -> list[Logged]:
        asked.append(order)
        return [each for each in log if each.event.subject == order]

    sequencer = Sequencer(recall, END, limit=1)
    assert [ids(sequencer.follow(each)) for each in log] == [[each.event.id] for each in log]
    assert asked == ["a"]


def test_numbers_ascend_whatever_the_order_of_recording(chance: random.Random) -> None:
    for _ in range(50):
        recorded = [chance.random() * 500 for _ in range(24)]
        places = [(order, source, n) for order in "ab" for source in ("orders", "payment") for n in range(1, 7)]
        log = sorted(
            (
                logged(order, n, at, source=source, time=n)
                for (order, source, n), at in zip(places, recorded, strict=True)
            ),
            key=lambda each: each.moment,
        )
        sequencer = Sequencer(lambda order, log=log: [e for e in log if e.event.subject == order], END)  # type: ignore[misc]  # bound early
        sent = [event for each in causal(log) for event in sequencer.follow(each)]
        assert sorted(ids(sent)) == sorted(ids(log))
        for order, source in {(order, source) for order, source, _ in places}:
            numbers = [e.event.sequence for e in sent if (e.event.subject, e.event.source) == (order, source)]
            assert numbers == [1, 2, 3, 4, 5, 6]


def test_the_mark_stands_before_the_first_event_that_is_not_done() -> None:
    events = [logged("a", n, n) for n in range(1, 5)]
    mark = Watermark()
    for each in events:
        mark.begin(each)
    mark.done(events[1].event.id)
    assert mark.moment == ""
    mark.done(events[0].event.id)
    assert mark.moment == events[1].moment
    mark.done(events[3].event.id)
    assert mark.moment == events[1].moment
    mark.done(events[2].event.id)
    assert mark.moment == events[3].moment
