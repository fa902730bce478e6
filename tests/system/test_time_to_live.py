"""Expired items on the local cloud, whose CloudFormation ignores what the templates declare about them."""

from infra.shop import shop_services
from tests.system.deployed import DeployedShop


def test_the_tables_of_services_whose_items_expire_delete_them(shop: DeployedShop) -> None:
    dynamodb = shop.client("dynamodb")
    found = {
        folder.name: dynamodb.describe_time_to_live(TableName=f"tidings-local-{folder.name}")["TimeToLiveDescription"]
        for folder in shop_services()
    }
    enabled = {name: each.get("AttributeName") for name, each in found.items() if each["TimeToLiveStatus"] == "ENABLED"}
    assert enabled == {folder.name: "expires" for folder in shop_services() if folder.service.expires}
    assert enabled
