from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ops.orders import timeline_table
from tests.unit.ops.terminal import eighty_columns

TIMELINE: Mapping[str, Any] = {
    "order_id": "o-1",
    "events": [
        {
            "id": "orders/o-1/1",
            "type": "OrderPlaced",
            "source": "orders",
            "time": "2026-01-31T08:30:00.123Z",
            "causationid": None,
            "delay_ms": None,
        },
        {
            "id": "payment/o-1/1",
            "type": "PaymentCaptured",
            "source": "payment",
            "time": "2026-01-31T08:30:00.200Z",
            "causationid": "orders/o-1/1",
            "delay_ms": 77,
        },
        {
            "id": "warehouse/o-1/1",
            "type": "OrderDispatched",
            "source": "warehouse",
            "time": "2026-01-31T08:30:01.000Z",
            "causationid": "orders/o-1/2",
            "delay_ms": 10,
        },
    ],
}


def rows(timeline: Mapping[str, Any] = TIMELINE) -> list[list[str]]:
    return [line.split() for line in eighty_columns(timeline_table(timeline)).splitlines() if line.strip()][3:]


def test_a_row_contains_the_delay_and_the_type_of_the_cause() -> None:
    assert rows()[2] == ["08:30:00.200", "payment", "PaymentCaptured", "77", "ms", "OrderPlaced"]


def test_an_event_without_a_cause_is_caused_by_a_command() -> None:
    assert rows()[1][-2:] == ["a", "command"]


def test_a_cause_that_is_not_recorded_yet_is_shown_by_its_id() -> None:
    assert rows()[3][-1] == "orders/…/2"


def test_an_event_that_a_report_of_the_gateway_caused_is_shown_so() -> None:
    event = {**TIMELINE["events"][1], "causationid": "gateway/o-1/evt_1"}
    assert rows({**TIMELINE, "events": [event]})[-1][-2:] == ["a", "report"]


def test_a_date_is_shown_once_above_its_first_event() -> None:
    events = TIMELINE["events"]
    late = {**events[-1], "time": "2026-02-01T00:00:00.000Z"}
    shown = rows({**TIMELINE, "events": [*events, late]})
    assert [each for each in shown if len(each) == 1] == [["2026-01-31"], ["2026-02-01"]]
    assert shown.index(["2026-02-01"]) == len(shown) - 2


def test_a_timeline_of_the_longest_names_breaks_no_word_in_eighty_columns() -> None:
    order = str(UUID(int=1))
    event = {
        "type": "PaymentCaptured",
        "source": "notification",
        "time": "2026-01-31T08:30:00.200Z",
        "delay_ms": 86_400_000,
    }
    first = {**event, "id": f"notification/{order}/1", "causationid": f"notification/{order}/0"}
    events = [first, {**event, "id": "x", "causationid": first["id"]}]
    page = eighty_columns(timeline_table({"order_id": order, "events": events}))
    row = "08:30:00.200 notification PaymentCaptured 86400000 ms"
    lines = [" ".join(line.split()) for line in page.splitlines()]
    assert f"Order {order}" in lines
    assert lines[-3:-1] == [f"{row} notification/…/0", f"{row} PaymentCaptured"]
