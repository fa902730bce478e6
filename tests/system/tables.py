"""The tables of a deployed shop, which tests set back to an earlier time."""

from collections.abc import Mapping
from typing import Any

from tests.system.deployed import DeployedShop


def table_items(shop: DeployedShop, service: str) -> Mapping[str, Any]:
    """Return the items of a service's table by their key."""
    pages = shop.client("dynamodb").get_paginator("scan").paginate(TableName=shop.outputs.table(service))
    return {item["pk"]["S"]: item for page in pages for item in page["Items"]}


def set_back_table(shop: DeployedShop, service: str, snapshot: Mapping[str, Any]) -> tuple[int, int]:
    """Let a service's table contain these items and no others.

    Returns:
        The numbers of deleted items and of items that were set back.
    """
    dynamodb, table = shop.client("dynamodb"), shop.outputs.table(service)
    found = table_items(shop, service)
    deleted = found.keys() - snapshot.keys()
    changed = [key for key, item in snapshot.items() if found.get(key) != item]
    for key in deleted:
        dynamodb.delete_item(TableName=table, Key={"pk": {"S": key}})
    for key in changed:
        dynamodb.put_item(TableName=table, Item=snapshot[key])
    return len(deleted), len(changed)
