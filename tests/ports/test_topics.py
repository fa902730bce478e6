"""The facts about SNS's FIFO topics that relays and consumers rely on, in memory and on an emulator."""

import json

import pytest

from tests.ports.beyond import not_moto
from tests.ports.implementations import Ports, Record, outbox_event
from tidings.core.entity import OutboxEvent
from tidings.messaging.relay import MAX_PUBLISH_BYTES


def ids(records: list[Record]) -> list[str]:
    return [json.loads(record["body"])["id"] for record in records]


def test_an_event_is_delivered_as_published_to_each_queue_that_subscribes_to_its_type(ports: Ports) -> None:
    fifo, standard, every, other = (ports.queue(kind) for kind in ("fifo", "standard", "standard", "fifo"))
    topic = ports.topic(
        [
            (fifo, ["OrderPlaced"]),
            (standard, ["OrderPlaced", "OrderCancelled"]),
            (every, None),
            (other, ["EmailSent"]),
        ]
    )
    published = outbox_event("order", 1)
    assert topic.publish([published]) == []
    for queue in (fifo, standard, every):
        (record,) = ports.arrive(queue, 1)
        assert record["body"] == published.body
    assert other.receive() == []


def test_an_event_that_is_too_large_is_refused_for_good_and_its_neighbours_are_delivered(ports: Ports) -> None:
    queue = ports.queue("standard")
    topic = ports.topic([(queue, None)])
    large = OutboxEvent(outbox_event("large", 1).body.ljust(MAX_PUBLISH_BYTES + 1))
    (unpublished,) = topic.publish([outbox_event("a", 1), large, outbox_event("b", 1)])
    assert (unpublished.event, unpublished.refused) == (large, True)
    assert sorted(ids(ports.arrive(queue, 2))) == ["orders/a/1", "orders/b/1"]


def test_on_a_fifo_queue_the_subject_is_the_message_group(ports: Ports) -> None:
    queue = ports.queue("fifo")
    topic = ports.topic([(queue, None)])
    topic.publish([outbox_event("a", 1), outbox_event("b", 1)])
    records = ports.arrive(queue, 2)
    groups = {record["attributes"]["MessageGroupId"]: ids([record]) for record in records}
    assert groups == {"a": ["orders/a/1"], "b": ["orders/b/1"]}


def test_a_batch_of_more_than_ten_is_refused_as_a_whole(ports: Ports) -> None:
    queue = ports.queue("standard")
    topic = ports.topic([(queue, None)])
    with pytest.raises(Exception, match="TooManyEntries"):
        topic.publish([outbox_event(f"order-{n}", 1) for n in range(11)])
    assert queue.receive() == []


def test_a_fifo_queue_receives_a_subjects_events_in_the_order_of_publication(ports: Ports) -> None:
    queue = ports.queue("fifo")
    topic = ports.topic([(queue, None)])
    for n in range(1, 6):
        topic.publish([outbox_event("order", n)])
    assert ids(ports.arrive(queue, 5)) == [f"orders/order/{n}" for n in range(1, 6)]


# moto's topic knows no published event, and its queues know those only that are still in the queue.
@not_moto
def test_an_event_published_again_is_delivered_to_no_queue_even_if_its_message_was_deleted(ports: Ports) -> None:
    queues = [ports.queue("fifo"), ports.queue("standard")]
    topic = ports.topic([(queue, None) for queue in queues])
    topic.publish([outbox_event("order", 1)])
    for queue in queues:
        queue.delete(ports.arrive(queue, 1)[0])
    assert topic.publish([outbox_event("order", 1), outbox_event("other", 1)]) == []
    for queue in queues:
        assert ids(ports.arrive(queue, 1)) == ["orders/other/1"]
