"""Access: the API's tokens, and the roles of functions."""

import base64
import json
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from openapi_spec_validator import validate

from ops.local import REGION
from ops.outputs import Pool
from tests.system.deployed import DeployedShop, User, order_id, problem_of

GUARDED = [
    ("POST", "/orders"),
    ("GET", "/orders"),
    ("GET", "/operators/stock/x"),
    ("PUT", "/operators/products/x"),
    ("PUT", "/operators/stock/x"),
]


@pytest.fixture
def order(customer: User, sku: str) -> str:
    placed = order_id(customer.place({sku: 1}))
    customer.timeline(placed, "OrderPlaced")
    return placed


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_request_without_a_token_is_refused(shop: DeployedShop, method: str, path: str) -> None:
    assert shop.http().request(method, path, json={}).status_code == 401


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_request_with_a_forged_token_is_refused(shop: DeployedShop, customer: User, method: str, path: str) -> None:
    header, payload, signature = customer.token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    promoted = json.dumps(claims | {"sub": "somebody-else"}).encode()
    forged = ".".join([header, base64.urlsafe_b64encode(promoted).decode().rstrip("="), signature])

    answer = shop.http({"Authorization": f"Bearer {forged}"}).request(method, path, json={})

    assert answer.status_code == 401


def test_products_are_visible_without_a_token(shop: DeployedShop, sku: str) -> None:
    expected = {"sku": sku, "name": "Thing", "price": {"amount": 1000, "currency": "EUR"}}
    assert shop.http().get(f"/products/{sku}").json() == expected
    assert shop.http().get("/products").json()["items"]


def test_the_openapi_document_is_valid_and_visible_without_a_token(shop: DeployedShop) -> None:
    document = shop.http().get("/openapi.json")

    assert document.status_code == 200
    validate(document.json())
    assert "/orders/{id}/timeline" in document.json()["paths"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/orders/{}"), ("GET", "/orders/{}/timeline"), ("POST", "/orders/{}/cancellation")],
)
def test_an_order_does_not_exist_for_another_customer(shop: DeployedShop, order: str, method: str, path: str) -> None:
    answer = shop.user().http.request(method, path.format(order))

    assert answer.status_code == 404
    assert order not in problem_of(answer)["detail"]


def test_a_list_of_orders_shows_no_other_customers_orders(shop: DeployedShop, order: str) -> None:
    other = shop.user()
    assert other.http.get("/orders").json() == {"items": [], "next": None}, order


def test_two_customers_with_the_same_idempotency_key_place_two_orders(
    shop: DeployedShop, customer: User, sku: str
) -> None:
    key = str(uuid.uuid4())
    assert order_id(customer.place({sku: 1}, key)) != order_id(shop.user().place({sku: 1}, key))


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_request_with_an_access_token_is_refused(shop: DeployedShop, method: str, path: str) -> None:
    pool = shop.outputs.operators if path.startswith("/operators/") else shop.outputs.users
    token = access_token(shop, pool)

    refused = shop.http({"Authorization": f"Bearer {token}"}).request(method, path, json={})

    assert refused.status_code == 401
    assert problem_of(refused)["title"] == "No ID token"


def access_token(shop: DeployedShop, pool: Pool) -> str:
    """Return an access token of a new user of a pool."""
    client = shop.client("cognito-idp")
    user, password = f"{uuid.uuid4().hex}@example.com", f"{uuid.uuid4().hex}aA1!"
    client.admin_create_user(UserPoolId=pool.pool, Username=user, MessageAction="SUPPRESS")
    client.admin_set_user_password(UserPoolId=pool.pool, Username=user, Password=password, Permanent=True)
    answer = client.admin_initiate_auth(
        UserPoolId=pool.pool,
        ClientId=pool.client,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": password},
    )
    return str(answer["AuthenticationResult"]["AccessToken"])


@pytest.mark.parametrize(("method", "path"), [("GET", "/orders"), ("GET", "/loyalty"), ("POST", "/orders")])
def test_an_operators_token_is_refused_on_the_routes_of_customers(operator: User, method: str, path: str) -> None:
    assert operator.http.request(method, path, json={}).status_code == 401


def test_an_answer_about_a_customer_may_not_be_stored(customer: User, order: str) -> None:
    for path in (f"/orders/{order}", "/orders", "/loyalty", f"/orders/{order}/timeline", "/orders/nothing"):
        assert customer.http.get(path).headers["cache-control"] == "no-store", path


def test_an_operator_sees_every_order(operator: User, order: str) -> None:
    assert operator.order(order)["id"] == order
    assert operator.timeline(order, "OrderPlaced")[0]["type"] == "OrderPlaced"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/operators/products/{}", {"name": "Cheap", "price": {"amount": 1, "currency": "EUR"}}),
        ("PUT", "/operators/stock/{}", {"on_hand": 1000}),
        ("GET", "/operators/stock/{}", None),
    ],
)
def test_a_customer_cannot_use_an_operators_routes(
    shop: DeployedShop, customer: User, operator: User, sku: str, method: str, path: str, body: Any
) -> None:
    assert customer.http.request(method, path.format(sku), json=body).status_code == 401
    assert shop.http().get(f"/products/{sku}").json()["price"]["amount"] == 1000
    assert operator.http.get(f"/operators/stock/{sku}").json()["on_hand"] == 10


def session_of(shop: DeployedShop, service: str) -> boto3.Session:
    """Return a session with the rights of a service's consumer."""
    function = shop.client("lambda").get_function_configuration(FunctionName=shop.outputs.services[service].function)
    # The role trusts only Lambda. The tests make it trust themselves too, which does not change its permissions.
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


def test_the_role_of_payments_consumer_reads_its_own_table_but_not_that_of_orders(
    shop: DeployedShop, customer: User, order: str
) -> None:
    customer.timeline(order, "PaymentCaptured")
    dynamodb = session_of(shop, "payment").client("dynamodb", endpoint_url=shop.stage.endpoint)
    tables = {name: str(service.table) for name, service in shop.outputs.services.items()}

    assert dynamodb.get_item(TableName=tables["payment"], Key={"pk": {"S": order}})["Item"]
    with pytest.raises(ClientError) as denied:
        dynamodb.get_item(TableName=tables["orders"], Key={"pk": {"S": order}})
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
