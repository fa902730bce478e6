from io import StringIO

from rich.console import Console

from ops.orders import timeline_table

TIMELINE = {
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


def rows() -> list[list[str]]:
    page = StringIO()
    Console(file=page, width=100).print(timeline_table(TIMELINE))
    return [line.split() for line in page.getvalue().splitlines() if line.strip()][-3:]


def test_a_row_contains_the_delay_and_the_type_of_the_cause() -> None:
    assert rows()[1] == ["2026-01-31", "08:30:00.200", "payment", "PaymentCaptured", "77", "ms", "OrderPlaced"]


def test_an_event_without_a_cause_is_caused_by_a_command() -> None:
    assert rows()[0][-2:] == ["a", "command"]


def test_a_cause_that_is_not_recorded_yet_is_shown_by_its_id() -> None:
    assert rows()[2][-1] == "orders/o-1/2"
