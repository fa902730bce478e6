"""One ticket through the helpdesk on the local cloud: `python -m examples.helpdesk.demo http://127.0.0.1:4566`."""

import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
import httpx

from examples.helpdesk.services.assignment.handlers import free_members

SECONDS = 60


def main(endpoint: str) -> None:
    """Let a team have one free member, open two tickets, close the first, and print what happens."""
    session = boto3.Session("test", "test", region_name="eu-west-1")  # the local cloud's own keys
    stacks = session.client("cloudformation", endpoint_url=endpoint)
    (stack,) = stacks.describe_stacks(StackName="helpdesk-local-api")["Stacks"]
    api = next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "ApiId")
    session.client("dynamodb", endpoint_url=endpoint).put_item(
        TableName="helpdesk-local-assignment", Item={"pk": {"S": free_members("network")}, "free": {"N": "1"}}
    )
    # Not every machine resolves the name that the stack's output gives the API.
    with httpx.Client(base_url=f"{endpoint}/_aws/execute-api/{api}", timeout=30) as http:
        first = _open(http, "The wireless network is slow.")
        _await(http, first, "assigned")
        second = _open(http, "The printer is offline.")
        _await(http, second, "declined")
        http.post(f"/tickets/{first}/closure").raise_for_status()
        _await(http, first, "closed")


def _open(http: httpx.Client, question: str) -> str:
    answer = http.post("/tickets", json={"team": "network", "question": question}).raise_for_status().json()
    print(f"{answer['id']} is {answer['status']}: {question}")  # noqa: T201 - the demo's output
    return str(answer["id"])


def _await(http: httpx.Client, ticket: str, status: str) -> None:
    def show() -> dict[str, Any]:
        answer: dict[str, Any] = http.get(f"/tickets/{ticket}").raise_for_status().json()
        return answer

    _until(lambda: show()["status"] == status, f"{ticket} is not {status} after {SECONDS} s")
    print(f"{ticket} is {status}")  # noqa: T201 - the demo's output


def _until(condition: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(problem)
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1])
