"""The facts about SQS that consumers and operators rely on, in memory and on an emulator."""

from tests.ports.beyond import not_moto
from tests.ports.implementations import MAX_RECEIVES, FullQueue, Ports, Record
from tidings.core.ports import DeadLetter, Message


def bodies(records: list[Record]) -> list[str]:
    return [record["body"] for record in records]


def receives(record: Record) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def return_at_once(queue: FullQueue, record: Record) -> None:
    queue.port.retry_later({record["receiptHandle"]: 0})


def dead_letter(queue: FullQueue, record: Record) -> None:
    queue.port.dead_letter(DeadLetter(Message.of(record), "gave-up", "it failed", "OrderPlaced"))


def test_a_received_message_is_hidden(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    assert bodies(ports.arrive(queue, 1)) == ["a"]
    assert queue.receive() == []


def test_a_returned_message_is_received_again_with_its_id_and_one_more_delivery(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (first,) = ports.arrive(queue, 1)
    return_at_once(queue, first)
    (second,) = ports.arrive(queue, 1)
    assert (receives(first), receives(second)) == (1, 2)
    assert first["messageId"] == second["messageId"]
    before, after = Message.of(first), Message.of(second)
    assert before.sent <= before.first_received
    assert (before.sent, before.first_received) == (after.sent, after.first_received)


def test_a_message_to_retry_later_is_hidden_for_the_delay_and_then_received_again(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (record,) = ports.arrive(queue, 1)
    queue.port.retry_later({record["receiptHandle"]: 1})
    assert queue.receive() == []
    assert bodies(ports.arrive(queue, 1, seconds=1)) == ["a"]


def test_a_deleted_message_is_not_received_again(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (record,) = ports.arrive(queue, 1)
    queue.delete(record)
    assert queue.receive() == []


def test_a_deleted_message_cannot_be_retried_later_and_the_others_are(ports: Ports) -> None:
    queue = ports.queue("standard")
    for body in ("a", "b"):
        queue.send(body)
    gone, kept = ports.arrive(queue, 2)
    queue.delete(gone)
    queue.port.retry_later({gone["receiptHandle"]: 0, kept["receiptHandle"]: 0})
    assert bodies(ports.arrive(queue, 1)) == [kept["body"]]


def exhaust(queue: FullQueue) -> None:
    """Receive the queue's first message as often as allowed, and return it each time."""
    for _ in range(MAX_RECEIVES):
        return_at_once(queue, next(iter(queue.receive(1))))


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    exhaust(queue)
    assert queue.receive() == []
    assert bodies(queue.dead_letters()) == ["a"]


def test_a_dead_lettered_message_has_its_reason(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (record,) = ports.arrive(queue, 1)
    dead_letter(queue, record)
    (letter,) = queue.dead_letters()
    assert letter["body"] == "a"
    assert (letter["messageAttributes"]["reason"], letter["messageAttributes"]["detail"]) == ("gave-up", "it failed")


def test_a_group_is_received_in_order(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for n in range(5):
        queue.send(str(n), "order", str(n))
    records = ports.arrive(queue, 5)
    assert bodies(records) == ["0", "1", "2", "3", "4"]
    assert {record["attributes"]["MessageGroupId"] for record in records} == {"order"}


def test_a_message_in_flight_blocks_its_own_group_only(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    (first,) = ports.arrive(queue, 1)
    queue.send("second", "order", "2")
    queue.send("another", "other", "3")
    assert bodies(ports.arrive(queue, 1)) == ["another"]
    assert queue.receive() == []
    queue.delete(first)
    assert bodies(ports.arrive(queue, 1)) == ["second"]


def test_a_group_is_blocked_until_all_of_its_messages_in_flight_are_deleted(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for n in range(2):
        queue.send(str(n), "order", str(n))
    first, second = ports.arrive(queue, 2)
    queue.send("2", "order", "2")
    queue.delete(first)
    assert queue.receive() == []
    queue.delete(second)
    assert bodies(ports.arrive(queue, 1)) == ["2"]


def test_returned_messages_are_received_again_in_order(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for n in range(3):
        queue.send(str(n), "order", str(n))
    first, second, third = ports.arrive(queue, 3)
    queue.delete(first)
    queue.port.retry_later({third["receiptHandle"]: 0, second["receiptHandle"]: 0})
    assert bodies(ports.arrive(queue, 2)) == ["1", "2"]


def test_a_message_to_retry_later_blocks_its_group(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    (first,) = ports.arrive(queue, 1)
    queue.port.retry_later({first["receiptHandle"]: 1})
    queue.send("second", "order", "2")
    assert queue.receive() == []
    assert bodies(ports.arrive(queue, 2, seconds=1)) == ["first", "second"]


def test_the_followers_of_a_message_received_too_often_are_received_without_it(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    exhaust(queue)
    queue.send("second", "order", "2")
    assert bodies(ports.arrive(queue, 1)) == ["second"]
    (letter,) = queue.dead_letters()
    assert (letter["body"], letter["attributes"]["MessageGroupId"]) == ("first", "order")


def test_a_message_with_a_known_deduplication_id_is_dropped(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    queue.send("again", "order", "1")
    assert bodies(ports.arrive(queue, 1)) == ["first"]


# moto knows the ids of messages only that are still in the queue.
@not_moto
def test_a_message_with_a_known_deduplication_id_is_dropped_even_if_the_first_was_deleted(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    queue.delete(ports.arrive(queue, 1)[0])
    queue.send("again", "order", "1")
    queue.send("fresh", "order", "2")
    assert bodies(ports.arrive(queue, 1)) == ["fresh"]


# moto knows no deduplication scope: it drops an id in the whole queue.
@not_moto
def test_a_deduplication_id_is_known_in_its_own_group_only(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for group in ("order", "other"):
        queue.send(group, group, "1")
    assert sorted(bodies(ports.arrive(queue, 2))) == ["order", "other"]


def test_a_message_dead_lettered_twice_is_one_dead_letter(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("a", "order", "1")
    (record,) = ports.arrive(queue, 1)
    for _ in range(2):
        dead_letter(queue, record)
    (letter,) = queue.dead_letters()
    assert (letter["body"], letter["messageAttributes"]["reason"]) == ("a", "gave-up")
    assert letter["attributes"]["MessageGroupId"] == "order"
