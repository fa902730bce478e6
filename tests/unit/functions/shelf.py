"""As much of DynamoDB's client, in memory, as products and lists call."""

from typing import Any


class Shelf:
    """A table's items by key; it counts the reads, and can leave keys of the next ones unread."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.reads: list[list[str]] = []
        self.unread = 0

    def put_item(self, **request: Any) -> dict[str, Any]:
        self.items[request["Item"]["pk"]["S"]] = request["Item"]
        return {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        ((table, wanted),) = request["RequestItems"].items()
        keys = [key["pk"]["S"] for key in wanted["Keys"]]
        assert len(keys) == len(set(keys)) <= 100, "as DynamoDB asks for"
        self.reads.append(keys)
        done, left = keys[self.unread :], keys[: self.unread]
        self.unread = 0
        return {
            "Responses": {table: [self.items[key] for key in done if key in self.items]},
            "UnprocessedKeys": {table: {**wanted, "Keys": [{"pk": {"S": key}} for key in left]}} if left else {},
        }

    def query(self, **request: Any) -> dict[str, Any]:
        owner = request["ExpressionAttributeValues"][":owner"]["S"]
        own = [item for item in self.items.values() if item["owner"]["S"] == owner]
        ordered = sorted(own, key=_place, reverse=not request["ScanIndexForward"])
        if start := request.get("ExclusiveStartKey"):
            forward = request["ScanIndexForward"]
            ordered = [
                item for item in ordered if (_place(item) > _place(start)) == forward and _place(item) != _place(start)
            ]
        page = ordered[: request["Limit"]]
        answer: dict[str, Any] = {"Items": page}
        if len(page) == request["Limit"]:
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in ("pk", "owner", "rank")}
        return answer


def _place(item: dict[str, Any]) -> tuple[str, str]:
    return item["rank"]["S"], item["pk"]["S"]
