"""What relays and consumers rely on of SNS's FIFO topics, in the simulation's memory and on an emulator."""

import json

import pytest

from tests.ports.beyond import not_moto
from tests.ports.implementations import Ports, Record, entry


def ids(records: list[Record]) -> list[str]:
    return [json.loads(record["body"])["id"] for record in records]


def test_an_event_comes_to_each_queue_that_asks_for_its_type_as_it_was_published(ports: Ports) -> None:
    fifo, standard, every, other = (ports.queue(kind) for kind in ("fifo", "standard", "standard", "fifo"))
    topic = ports.topic(
        [
            (fifo, ["OrderPlaced"]),
            (standard, ["OrderPlaced", "OrderCancelled"]),
            (every, None),
            (other, ["ReceiptSent"]),
        ]
    )
    published = entry("order", 1)
    assert topic.publish([published]) == []
    for queue in (fifo, standard, every):
        (record,) = ports.arrive(queue, 1)
        assert record["body"] == published.body
    assert other.receive() == []


def test_on_a_fifo_queue_the_order_is_the_group(ports: Ports) -> None:
    queue = ports.queue("fifo")
    topic = ports.topic([(queue, None)])
    topic.publish([entry("a", 1), entry("b", 1)])
    records = ports.arrive(queue, 2)
    groups = {record["attributes"]["MessageGroupId"]: ids([record]) for record in records}
    assert groups == {"a": ["orders/a/1"], "b": ["orders/b/1"]}


def test_a_batch_of_more_than_ten_is_refused_as_a_whole(ports: Ports) -> None:
    queue = ports.queue("standard")
    topic = ports.topic([(queue, None)])
    with pytest.raises(Exception, match="TooManyEntries"):
        topic.publish([entry(f"order-{n}", 1) for n in range(11)])
    assert queue.receive() == []


def test_an_orders_events_come_to_a_fifo_queue_in_the_order_in_which_they_were_published(ports: Ports) -> None:
    queue = ports.queue("fifo")
    topic = ports.topic([(queue, None)])
    for n in range(1, 6):
        topic.publish([entry("order", n)])
    assert ids(ports.arrive(queue, 5)) == [f"orders/order/{n}" for n in range(1, 6)]


# moto's topic remembers nothing; its queues find an id only while its message is still there.
@not_moto
def test_an_event_published_again_comes_to_no_queue_though_its_message_was_deleted(ports: Ports) -> None:
    queues = [ports.queue("fifo"), ports.queue("standard")]
    topic = ports.topic([(queue, None) for queue in queues])
    topic.publish([entry("order", 1)])
    for queue in queues:
        queue.delete(ports.arrive(queue, 1)[0])
    assert topic.publish([entry("order", 1), entry("other", 1)]) == []
    for queue in queues:
        assert ids(ports.arrive(queue, 1)) == ["orders/other/1"]
