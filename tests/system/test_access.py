"""Who may do what: by token at the API, and by role inside."""

import base64
import json
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from openapi_spec_validator import validate

from ops.local import REGION
from tests.system.deployed import Deployed, User, order_id, problem_of

GUARDED = [("POST", "/orders"), ("GET", "/orders"), ("GET", "/stock/x"), ("PUT", "/products/x"), ("PUT", "/stock/x")]


@pytest.fixture
def order(customer: User, sku: str) -> str:
    placed = order_id(customer.place({sku: 1}))
    customer.timeline(placed, "OrderPlaced")
    return placed


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nobody_gets_in_without_a_token(shop: Deployed, method: str, path: str) -> None:
    assert shop.visitor().request(method, path, json={}).status_code == 401


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_nobody_gets_in_with_a_forged_token(shop: Deployed, customer: User, method: str, path: str) -> None:
    header, payload, signature = customer.token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    promoted = json.dumps(claims | {"cognito:groups": ["operators"]}).encode()
    forged = ".".join([header, base64.urlsafe_b64encode(promoted).decode().rstrip("="), signature])

    answer = shop.visitor({"Authorization": f"Bearer {forged}"}).request(method, path, json={})

    assert answer.status_code == 401


def test_anybody_sees_the_products(shop: Deployed, sku: str) -> None:
    expected = {"sku": sku, "name": "Thing", "price": {"amount": 1000, "currency": "EUR"}}
    assert shop.visitor().get(f"/products/{sku}").json() == expected
    assert shop.visitor().get("/products").json()["items"]


def test_anybody_sees_a_valid_openapi_document(shop: Deployed) -> None:
    document = shop.visitor().get("/openapi.json")

    assert document.status_code == 200
    validate(document.json())
    assert "/orders/{id}/timeline" in document.json()["paths"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/orders/{}"), ("GET", "/orders/{}/timeline"), ("POST", "/orders/{}/cancellation")],
)
def test_to_another_customer_an_order_does_not_exist(shop: Deployed, order: str, method: str, path: str) -> None:
    answer = shop.user().http.request(method, path.format(order))

    assert answer.status_code == 404
    assert order not in problem_of(answer)["detail"]


def test_another_customers_list_is_empty(shop: Deployed, order: str) -> None:
    stranger = shop.user()
    assert stranger.http.get("/orders").json() == {"items": [], "next": None}, order


def test_a_key_of_another_customers_places_an_order_of_ones_own(shop: Deployed, customer: User, sku: str) -> None:
    key = str(uuid.uuid4())
    assert order_id(customer.place({sku: 1}, key)) != order_id(shop.user().place({sku: 1}, key))


def test_an_operator_sees_every_order(operator: User, order: str) -> None:
    assert operator.http.get(f"/orders/{order}").json()["id"] == order
    assert operator.timeline(order, "OrderPlaced")[0]["type"] == "OrderPlaced"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/products/{}", {"name": "Cheap", "price": {"amount": 1, "currency": "EUR"}}),
        ("PUT", "/stock/{}", {"on_hand": 1000}),
        ("GET", "/stock/{}", None),
    ],
)
def test_a_customer_may_not_do_an_operators_work(
    shop: Deployed, customer: User, operator: User, sku: str, method: str, path: str, body: Any
) -> None:
    assert customer.http.request(method, path.format(sku), json=body).status_code == 403
    assert shop.visitor().get(f"/products/{sku}").json()["price"]["amount"] == 1000
    assert operator.http.get(f"/stock/{sku}").json()["on_hand"] == 10


def in_the_role_of(shop: Deployed, service: str) -> boto3.Session:
    """A session with exactly the rights of the service's function."""
    function = shop.client("lambda").get_function_configuration(FunctionName=shop.outputs.services[service].function)
    # The role trusts Lambda alone; here it is made to trust the tests too, which changes nothing of what it may do.
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    shop.client("iam").update_assume_role_policy(
        RoleName=function["Role"].rpartition("/")[2], PolicyDocument=json.dumps(trust)
    )
    role = shop.client("sts").assume_role(RoleArn=function["Role"], RoleSessionName="test")["Credentials"]
    return boto3.Session(
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
        region_name=REGION,
    )


def test_the_payment_functions_role_reads_its_own_table_and_not_that_of_orders(
    shop: Deployed, customer: User, order: str
) -> None:
    customer.timeline(order, "PaymentCaptured")
    dynamodb = in_the_role_of(shop, "payment").client("dynamodb", endpoint_url=shop.stage.endpoint)
    tables = {name: str(service.table) for name, service in shop.outputs.services.items()}

    assert dynamodb.get_item(TableName=tables["payment"], Key={"pk": {"S": order}})["Item"]
    with pytest.raises(ClientError) as denied:
        dynamodb.get_item(TableName=tables["orders"], Key={"pk": {"S": order}})
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
