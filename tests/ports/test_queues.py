"""What consumers and operators rely on of SQS, in the simulation's memory and on an emulator."""

from tests.ports.beyond import not_moto
from tests.ports.implementations import MAX_RECEIVES, Ports, Queue, Record
from tidings.consumer import DeadLetter, Message


def bodies(records: list[Record]) -> list[str]:
    return [record["body"] for record in records]


def attempts(record: Record) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def give_back(queue: Queue, record: Record) -> None:
    queue.port.postpone({record["receiptHandle"]: 0})


def bury(queue: Queue, record: Record) -> None:
    queue.port.bury(DeadLetter(Message.of(record), "gave-up", "it failed", "OrderPlaced"))


def test_a_message_that_was_received_is_hidden(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    assert bodies(ports.arrive(queue, 1)) == ["a"]
    assert queue.receive() == []


def test_a_message_given_back_comes_again_with_its_own_id_and_one_more_attempt(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (first,) = ports.arrive(queue, 1)
    give_back(queue, first)
    (second,) = ports.arrive(queue, 1)
    assert (attempts(first), attempts(second)) == (1, 2)
    assert first["messageId"] == second["messageId"]
    assert first["attributes"]["SentTimestamp"] == second["attributes"]["SentTimestamp"]


def test_a_postponed_message_stays_away_so_long_and_then_comes_again(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (record,) = ports.arrive(queue, 1)
    queue.port.postpone({record["receiptHandle"]: 1})
    assert queue.receive() == []
    assert bodies(ports.arrive(queue, 1, seconds=1)) == ["a"]


def test_a_deleted_message_never_comes_again(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (record,) = ports.arrive(queue, 1)
    queue.delete(record)
    assert queue.receive() == []


def test_a_message_that_is_gone_cannot_be_postponed_and_the_others_are(ports: Ports) -> None:
    queue = ports.queue("standard")
    for body in ("a", "b"):
        queue.send(body)
    gone, kept = ports.arrive(queue, 2)
    queue.delete(gone)
    queue.port.postpone({gone["receiptHandle"]: 0, kept["receiptHandle"]: 0})
    assert bodies(ports.arrive(queue, 1)) == [kept["body"]]


def exhaust(queue: Queue) -> None:
    """The queue's first message is received as often as may be, and given back."""
    for _ in range(MAX_RECEIVES):
        give_back(queue, next(iter(queue.receive(1))))


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    exhaust(queue)
    assert queue.receive() == []
    assert bodies(queue.dead_letters()) == ["a"]


def test_a_buried_message_lies_in_the_dead_letter_queue_with_its_reason(ports: Ports) -> None:
    queue = ports.queue("standard")
    queue.send("a")
    (record,) = ports.arrive(queue, 1)
    bury(queue, record)
    (letter,) = queue.dead_letters()
    assert letter["body"] == "a"
    assert (letter["messageAttributes"]["reason"], letter["messageAttributes"]["detail"]) == ("gave-up", "it failed")


def test_a_groups_messages_come_in_their_order(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for n in range(5):
        queue.send(str(n), "order", str(n))
    records = ports.arrive(queue, 5)
    assert bodies(records) == ["0", "1", "2", "3", "4"]
    assert {record["attributes"]["MessageGroupId"] for record in records} == {"order"}


def test_a_group_waits_while_one_of_its_messages_is_in_flight_and_no_other_group_does(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    (first,) = ports.arrive(queue, 1)
    queue.send("second", "order", "2")
    queue.send("another", "other", "3")
    assert bodies(ports.arrive(queue, 1)) == ["another"]
    assert queue.receive() == []
    queue.delete(first)
    assert bodies(ports.arrive(queue, 1)) == ["second"]


def test_a_group_waits_until_all_of_its_messages_in_flight_are_done(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for n in range(2):
        queue.send(str(n), "order", str(n))
    first, second = ports.arrive(queue, 2)
    queue.send("2", "order", "2")
    queue.delete(first)
    assert queue.receive() == []
    queue.delete(second)
    assert bodies(ports.arrive(queue, 1)) == ["2"]


def test_messages_given_back_come_again_in_their_groups_order(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for n in range(3):
        queue.send(str(n), "order", str(n))
    first, second, third = ports.arrive(queue, 3)
    queue.delete(first)
    queue.port.postpone({third["receiptHandle"]: 0, second["receiptHandle"]: 0})
    assert bodies(ports.arrive(queue, 2)) == ["1", "2"]


def test_a_group_waits_for_its_postponed_message(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    (first,) = ports.arrive(queue, 1)
    queue.port.postpone({first["receiptHandle"]: 1})
    queue.send("second", "order", "2")
    assert queue.receive() == []
    assert bodies(ports.arrive(queue, 2, seconds=1)) == ["first", "second"]


def test_the_followers_of_a_message_received_too_often_come_without_it(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    exhaust(queue)
    queue.send("second", "order", "2")
    assert bodies(ports.arrive(queue, 1)) == ["second"]
    (letter,) = queue.dead_letters()
    assert (letter["body"], letter["attributes"]["MessageGroupId"]) == ("first", "order")


def test_a_deduplication_id_is_taken_once(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    queue.send("again", "order", "1")
    assert bodies(ports.arrive(queue, 1)) == ["first"]


# moto looks for the id among the messages that are still in the queue.
@not_moto
def test_a_deduplication_id_is_swallowed_though_its_message_was_deleted(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("first", "order", "1")
    queue.delete(ports.arrive(queue, 1)[0])
    queue.send("again", "order", "1")
    queue.send("fresh", "order", "2")
    assert bodies(ports.arrive(queue, 1)) == ["fresh"]


# moto knows no deduplication scope: an id counts in the whole queue.
@not_moto
def test_a_deduplication_id_counts_in_its_own_group_alone(ports: Ports) -> None:
    queue = ports.queue("fifo")
    for group in ("order", "other"):
        queue.send(group, group, "1")
    assert sorted(bodies(ports.arrive(queue, 2))) == ["order", "other"]


def test_a_message_buried_twice_is_one_dead_letter(ports: Ports) -> None:
    queue = ports.queue("fifo")
    queue.send("a", "order", "1")
    (record,) = ports.arrive(queue, 1)
    for _ in range(2):
        bury(queue, record)
    (letter,) = queue.dead_letters()
    assert (letter["body"], letter["messageAttributes"]["reason"]) == ("a", "gave-up")
    assert letter["attributes"]["MessageGroupId"] == "order"
