import random
from collections.abc import Iterable

from tests.unit.tidings.recovery.memory import event
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.event import decode
from tidings.recovery import Gap, LoggedEvent
from tidings.recovery.resequencer import MAX_MISSING, Resequencer, Watermark, sort_causally
from tidings.testing import NOON

START = from_rfc3339(NOON)
END = to_rfc3339(START + 10**9)


def logged(subject: str, n: int, at: float, *, source: str = "tickets", happened: float | None = None) -> LoggedEvent:
    """Return a source's n-th event of an entity, recorded this many seconds after noon and announced then or before."""
    time = to_rfc3339(START + round((at if happened is None else happened) * 1000))
    body = event(subject, n, source=source, time=time)
    decoded = decode(body)
    return LoggedEvent(f"{to_rfc3339(START + round(at * 1000))}/{decoded.id}", body, decoded)


def ids(events: Iterable[LoggedEvent]) -> list[str]:
    return [each.event.id for each in events]


def test_an_entitys_events_are_sorted_causally_though_recorded_otherwise() -> None:
    effect = logged("a", 1, 1, source="billing", happened=0.5)
    cause = logged("a", 1, 2, happened=0.1)
    other = logged("b", 1, 1.5)
    assert ids(sort_causally([effect, other, cause])) == ids([cause, other, effect])


def test_entities_keep_their_places_among_each_other(rng: random.Random) -> None:
    events = sorted(
        (logged(f"e{n}", k, n + rng.random() * 30, happened=n + k) for n in range(40) for k in range(1, 4)),
        key=lambda each: each.position,
    )
    replayed = list(sort_causally(events))
    assert [each.event.subject for each in replayed] == [each.event.subject for each in events]
    for subject in {each.event.subject for each in events}:
        numbers = [each.event.number for each in replayed if each.event.subject == subject]
        assert numbers == [1, 2, 3]


def test_only_the_window_is_in_memory() -> None:
    taken = 0

    def reading() -> Iterable[LoggedEvent]:
        nonlocal taken
        for n in range(100):
            taken += 1
            yield logged(f"e{n}", 1, n)

    next(iter(sort_causally(reading(), seconds=10_000, limit=7)))
    assert taken == 8
    taken = 0
    next(iter(sort_causally(reading(), seconds=5)))
    assert taken == 7


def test_an_event_recorded_too_late_is_sent_once_before_its_followers() -> None:
    first, second, third = logged("a", 1, 0), logged("a", 2, 5_000), logged("a", 3, 100)
    log = [first, third, second]
    resequencer = Resequencer(lambda _subject: log, END)
    assert [ids(resequencer.follow(each)) for each in log] == [ids([first]), ids([second, third]), []]
    assert resequencer.gaps == set()


def test_a_number_missing_in_the_log_is_a_gap_and_holds_nothing_up() -> None:
    log = [logged("a", 1, 0), logged("a", 4, 10), logged("b", 2, 20, source="billing")]
    resequencer = Resequencer(lambda subject: [each for each in log if each.event.subject == subject], END)
    assert [ids(resequencer.follow(each)) for each in log] == [[each.event.id] for each in log]
    assert resequencer.gaps == {Gap("a", "tickets", 2), Gap("a", "tickets", 3), Gap("b", "billing", 1)}


def test_an_event_with_a_wrong_number_shows_a_bounded_number_of_gaps_and_holds_nothing_up() -> None:
    log = [logged("a", 1, 0), logged("a", 999_999_999, 10), logged("a", 2, 20), logged("a", 3, 30)]
    resequencer = Resequencer(lambda _subject: log, END)
    sent = [event_id for each in log for event_id in ids(resequencer.follow(each))]
    assert sent == ids([log[0], log[2], log[3], log[1]])
    assert resequencer.gaps == {Gap("a", "tickets", n) for n in range(4, 4 + MAX_MISSING)}


def test_an_event_before_the_beginning_or_after_the_end_is_neither_sent_nor_a_gap() -> None:
    before, within, late = logged("a", 1, 0), logged("a", 3, 10), logged("a", 2, 99)
    resequencer = Resequencer(lambda _subject: [before, within, late], to_rfc3339(START + 50_000))
    assert ids(resequencer.follow(within)) == ids([within])
    assert resequencer.gaps == set()


def test_the_log_is_read_for_a_forgotten_entity_and_nothing_is_sent_twice() -> None:
    log = [logged("a", 1, 0), logged("b", 1, 1), logged("a", 2, 2)]
    read: list[str] = []

    def read_entity(subject: str) -> list[LoggedEvent]:
        read.append(subject)
        return [each for each in log if each.event.subject == subject]

    resequencer = Resequencer(read_entity, END, limit=1)
    assert [ids(resequencer.follow(each)) for each in log] == [[each.event.id] for each in log]
    assert read == ["a"]


def test_numbers_ascend_however_events_were_recorded(rng: random.Random) -> None:
    for _ in range(50):
        recorded = [rng.random() * 500 for _ in range(24)]
        places = [(subject, source, n) for subject in "ab" for source in ("tickets", "billing") for n in range(1, 7)]
        log = sorted(
            (
                logged(subject, n, at, source=source, happened=n)
                for (subject, source, n), at in zip(places, recorded, strict=True)
            ),
            key=lambda each: each.position,
        )
        resequencer = Resequencer(lambda subject, log=log: [e for e in log if e.event.subject == subject], END)  # type: ignore[misc]  # bound early
        sent = [found for each in sort_causally(log) for found in resequencer.follow(each)]
        assert sorted(ids(sent)) == sorted(ids(log))
        for subject, source in {(subject, source) for subject, source, _ in places}:
            numbers = [e.event.number for e in sent if (e.event.subject, e.event.source) == (subject, source)]
            assert numbers == [1, 2, 3, 4, 5, 6]


def test_the_watermark_is_before_the_first_event_that_is_not_done() -> None:
    events = [logged("a", n, n) for n in range(1, 5)]
    watermark = Watermark()
    for each in events:
        watermark.begin(each)
    watermark.finish(events[1].event.id)
    assert watermark.position == ""
    watermark.finish(events[0].event.id)
    assert watermark.position == events[1].position
    watermark.finish(events[3].event.id)
    assert watermark.position == events[1].position
    watermark.finish(events[2].event.id)
    assert watermark.position == events[3].position
