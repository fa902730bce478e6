"""The adapters of privacy's jobs: AWS Lambda, Amazon Cognito and Amazon S3."""

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from functions.privacy.files import S3Files, s3
from functions.privacy.jobs.accounts import CognitoAccounts
from functions.privacy.jobs.people import LambdaPeople, Page, Part
from tidings.core.errors import RetryableError
from tidings.testing import InlineExecutor

FUNCTIONS = {"post": "shop-post-personal", "sales": "shop-sales-personal"}


class StubLambda:
    """Functions that answer as the library's do: one entity in each answer."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.fails = False

    def invoke(self, **request: Any) -> dict[str, Any]:
        question = json.loads(request["Payload"])
        self.asked.append((request["FunctionName"], question))
        if self.fails:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "ann@example.com"}')}
        return {"Payload": io.BytesIO(json.dumps(self._answer(request["FunctionName"], question)).encode())}

    def _answer(self, function: str, question: Mapping[str, Any]) -> Any:
        if "list" in question:
            return {"keys": ["a", "b"], "next": None if question["after"] else "cursor"}
        first, *unread = question["read"]
        found = {"key": first, "state": {"in": function}, "events": [], "under_way": "", "erased": False}
        return {"entities": [found], "unread": unread}


@pytest.fixture
def stub() -> StubLambda:
    return StubLambda()


@pytest.fixture
def people(stub: StubLambda) -> LambdaPeople:
    return LambdaPeople(cast("Any", stub), FUNCTIONS, "sales", InlineExecutor())


def test_orders_are_listed_by_the_service_that_lists_them(people: LambdaPeople, stub: StubLambda) -> None:
    assert people.orders("ann", "") == Page(("a", "b"), "cursor")
    assert people.orders("ann", "cursor") == Page(("a", "b"), None)
    assert stub.asked == [
        ("shop-sales-personal", {"list": "ann", "after": None}),
        ("shop-sales-personal", {"list": "ann", "after": "cursor"}),
    ]


def test_every_service_is_asked_until_it_has_answered_about_every_order(people: LambdaPeople, stub: StubLambda) -> None:
    found = people.parts(["a", "b"])
    assert found["b"]["post"] == Part("b", {"in": "shop-post-personal"}, (), "", erased=False)
    assert {order: sorted(parts) for order, parts in found.items()} == {"a": ["post", "sales"], "b": ["post", "sales"]}
    assert [question for function, question in stub.asked if function == "shop-post-personal"] == [
        {"read": ["a", "b"]},
        {"read": ["b"]},
    ]


def test_a_service_is_asked_about_twenty_orders_at_most(people: LambdaPeople, stub: StubLambda) -> None:
    people.parts([str(n) for n in range(25)])
    assert max(len(question["read"]) for _, question in stub.asked) == 20


def test_nobody_is_asked_about_no_order(people: LambdaPeople, stub: StubLambda) -> None:
    assert people.parts([]) == {}
    assert stub.asked == []


def test_a_failure_of_a_service_names_it_and_repeats_nothing_of_its_answer(
    people: LambdaPeople, stub: StubLambda
) -> None:
    stub.fails = True
    with pytest.raises(RetryableError, match="the service post does not answer") as failed:
        people.parts(["a"])
    assert "ann@example.com" not in str(failed.value)


class StubCognito:
    """A pool with one user."""

    class exceptions:  # noqa: N801 - as the client names it
        class UserNotFoundException(Exception):  # noqa: N818 - as the client names it
            pass

    def __init__(self) -> None:
        self.users = {"ann": [{"Name": "email", "Value": "ann@example.com"}]}

    def admin_get_user(self, **request: Any) -> dict[str, Any]:
        return {"UserAttributes": self._of(request), "UserCreateDate": datetime(2026, 1, 31, tzinfo=UTC)}

    def admin_delete_user(self, **request: Any) -> None:
        self._of(request)
        del self.users[request["Username"]]

    def _of(self, request: Mapping[str, Any]) -> list[dict[str, str]]:
        assert request["UserPoolId"] == "pool"
        if request["Username"] not in self.users:
            raise self.exceptions.UserNotFoundException
        return self.users[request["Username"]]


def test_an_account_is_read_and_deleted_and_one_that_is_gone_is_no_failure() -> None:
    cognito = StubCognito()
    accounts = CognitoAccounts(cast("Any", cognito), "pool")
    assert accounts.read("ann") == {"email": "ann@example.com", "created_at": "2026-01-31T00:00:00+00:00"}
    accounts.delete("ann")
    accounts.delete("ann")
    assert cognito.users == {}
    assert accounts.read("ann") is None


class StubS3:
    """A bucket that lists two objects at a time."""

    class exceptions:  # noqa: N801 - as the client names it
        class NoSuchKey(Exception):  # noqa: N818 - as the client names it
            pass

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, **request: Any) -> None:
        assert (request["Bucket"], request["ContentType"]) == ("exports", "application/json")
        body = request["Body"]
        self.objects[request["Key"]] = body if isinstance(body, bytes) else body.read()

    def get_object(self, **request: Any) -> dict[str, Any]:
        if request["Key"] not in self.objects:
            raise self.exceptions.NoSuchKey
        return {"Body": io.BytesIO(self.objects[request["Key"]])}

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        found = {"Contents": [{"Key": key} for key in keys[:2]]} if keys else {}
        return {"IsTruncated": len(keys) > 2, **found}

    def delete_object(self, **request: Any) -> None:
        del self.objects[request["Key"]]

    def generate_presigned_url(self, operation: str, **options: Any) -> str:
        return f"{operation} {options}"


def test_a_file_is_joined_from_texts_and_files() -> None:
    client = StubS3()
    files = S3Files(client, "exports")
    files.write("ann/1/0", b"1,2")
    files.join("ann/1.json", [b"[", "ann/1/0", b"]"])
    assert client.objects["ann/1.json"] == b"[1,2]"


def test_a_file_is_not_joined_from_one_that_does_not_exist() -> None:
    client = StubS3()
    with pytest.raises(FileNotFoundError) as refused:
        S3Files(client, "exports").join("ann/1.json", [b"[", "ann/1/0", b"]"])
    assert "ann" not in str(refused.value)
    assert client.objects == {}


def test_all_files_of_a_person_are_deleted_and_no_other() -> None:
    client = StubS3()
    files = S3Files(client, "exports")
    for name in ("ann/1", "ann/2", "ann/3", "annabel/1"):
        files.write(name, b"{}")
    files.delete("ann/")
    files.delete("ann/")
    assert list(client.objects) == ["annabel/1"]


def test_a_link_to_a_file_expires_and_is_signed_by_version_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    link = S3Files(s3(), "exports").link("ann/1.json", 900)
    assert "ann/1.json?" in link
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    assert "X-Amz-Expires=900" in link
