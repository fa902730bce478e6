"""The part of DynamoDB's client that products and lists call, in memory."""

from typing import Any


class StubDynamoDBClient:
    """A client of one table.

    Attributes:
        items: The table's items by key.
        reads: The keys of each BatchGetItem.
        unprocessed: Number of keys that the next BatchGetItem leaves unprocessed.
        max_page: Maximum number of items that a Query returns; DynamoDB's is 1 MB of them.
    """

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.reads: list[list[str]] = []
        self.unprocessed = 0
        self.max_page = 1000

    def put_item(self, **request: Any) -> dict[str, Any]:
        self.items[request["Item"]["pk"]["S"]] = request["Item"]
        return {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        ((table, wanted),) = request["RequestItems"].items()
        keys = [key["pk"]["S"] for key in wanted["Keys"]]
        assert len(keys) == len(set(keys)) <= 100, "BatchGetItem accepts 100 different keys"
        self.reads.append(keys)
        done, left = keys[self.unprocessed :], keys[: self.unprocessed]
        self.unprocessed = 0
        return {
            "Responses": {table: [self.items[key] for key in done if key in self.items]},
            "UnprocessedKeys": {table: {**wanted, "Keys": [{"pk": {"S": key}} for key in left]}} if left else {},
        }

    def query(self, **request: Any) -> dict[str, Any]:
        owner = request["ExpressionAttributeValues"][":owner"]["S"]
        own = [item for item in self.items.values() if item["owner"]["S"] == owner]
        ordered = sorted(own, key=_position, reverse=not request["ScanIndexForward"])
        if start := request.get("ExclusiveStartKey"):
            forward = request["ScanIndexForward"]
            ordered = [
                item
                for item in ordered
                if (_position(item) > _position(start)) == forward and _position(item) != _position(start)
            ]
        page = ordered[: min(request["Limit"], self.max_page)]
        answer: dict[str, Any] = {"Items": page}
        if len(page) == min(request["Limit"], self.max_page):
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in ("pk", "owner", "rank")}
        return answer


def _position(item: dict[str, Any]) -> tuple[str, str]:
    return item["rank"]["S"], item["pk"]["S"]
