from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tidings.errors import RetryableError
from tidings.ledger import DynamoLedger, Tally
from tidings.table import ConflictError, LostError, Write

NONE, FAILED, CONFLICT = "None", "ConditionalCheckFailed", "TransactionConflict"
FOUND = {"pk": {"S": "a"}, "version": {"N": "2"}}


class Client:
    """As much of DynamoDB's client as the ledger calls."""

    def __init__(self, *, unread: int = 0, error: ClientError | None = None) -> None:
        self.requests: list[Any] = []
        self._unread = unread
        self._error = error

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        ((table, wanted),) = request["RequestItems"].items()
        self.requests.append(wanted["Keys"])
        left = wanted["Keys"][: self._unread]
        self._unread = max(0, self._unread - 1)
        return {
            "Responses": {table: wanted["Keys"][len(left) :]},
            "UnprocessedKeys": {table: {"Keys": left}} if left else {},
        }

    def transact_write_items(self, **request: Any) -> None:
        self.requests.append(request["TransactItems"])
        if self._error:
            raise self._error


def ledger(client: Any) -> DynamoLedger:
    return DynamoLedger(client, "table")


def cancelled(*codes: str) -> ClientError:
    reasons = [{"Code": code} | ({"Item": FOUND} if code == FAILED else {}) for code in codes]
    answer: Any = {"Error": {"Code": "TransactionCanceledException", "Message": ""}, "CancellationReasons": reasons}
    return ClientError(answer, "TransactWriteItems")


def commit(client: Client) -> None:
    writes = [Write("a", {}, 1), Write("b", {}, 0)]
    ledger(client).commit(writes, [Tally("group#0", "row", {"n": 1})])


def test_orders_are_read_a_hundred_at_a_time() -> None:
    client = Client()
    assert len(ledger(client).read([f"order-{n}" for n in range(250)])) == 250
    assert [len(keys) for keys in client.requests] == [100, 100, 50]


def test_what_a_reading_leaves_is_asked_for_again() -> None:
    client = Client(unread=3)
    assert set(ledger(client).read(["a", "b", "c", "d"])) == {"a", "b", "c", "d"}
    assert [len(keys) for keys in client.requests] == [4, 3, 2, 1]


def test_a_table_that_leaves_orders_unread_for_ever_is_asked_later() -> None:
    with pytest.raises(RetryableError):
        ledger(Client(unread=1_000)).read([f"order-{n}" for n in range(100)])


def test_orders_and_counters_are_one_transaction() -> None:
    client = Client()
    commit(client)
    ((first, second, third),) = client.requests
    assert first["Put"]["ConditionExpression"] == "#version = :expected"
    assert second["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"
    assert third["Update"]["Key"] == {"pk": {"S": "group#0"}, "sk": {"S": "row"}}


def test_orders_that_somebody_else_wrote_are_told_with_what_they_are_now() -> None:
    with pytest.raises(LostError) as lost:
        commit(Client(error=cancelled(FAILED, NONE, CONFLICT)))
    assert lost.value.found == {"a": FOUND}


@pytest.mark.parametrize("codes", [(NONE, NONE, CONFLICT), ("ThrottlingError", NONE, CONFLICT)])
def test_a_transaction_that_others_stood_in_the_way_of_is_a_conflict(codes: Sequence[str]) -> None:
    with pytest.raises(ConflictError):
        commit(Client(error=cancelled(*codes)))


def test_a_transaction_that_can_never_be_done_is_no_conflict() -> None:
    with pytest.raises(ClientError):
        commit(Client(error=cancelled(NONE, "ValidationError", CONFLICT)))
