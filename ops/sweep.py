"""The sweep of pending orders, asked for by an operator instead of the clock."""

import re

import msgspec
from botocore.config import Config
from msgspec import Struct

from ops.aws import telling
from ops.failure import Failure
from ops.stage import Stage

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

PATIENT = Config(read_timeout=120, retries={"total_max_attempts": 1})
"""It may take its whole time, and is not to be begun twice."""


class Swept(Struct, frozen=True):
    """What the function says it did."""

    cancelled: int
    failed: int
    finished: bool


def seconds_of(text: str) -> int:
    """Reads `90s`, `30m`, `2h` or `1d`; ValueError where it is none of these, or nothing at all."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if not found:
        raise ValueError(f"{text!r} is no time like 90s, 30m, 2h or 1d")
    return int(found[1]) * SECONDS[found[2]]


def sweep(stage: Stage, older_than: int | None) -> Swept:
    """Cancels what has been pending for more than so many seconds, or than the stage's own limit."""
    client = stage.session.client("lambda", endpoint_url=stage.endpoint, config=PATIENT)
    function = f"{stage.prefix}orders-sweep"
    payload = {} if older_than is None else {"older_than": older_than}
    with telling(f"{function} cannot be run"):
        try:
            answer = client.invoke(FunctionName=function, Payload=msgspec.json.encode(payload))
        except client.exceptions.ResourceNotFoundException as error:
            raise Failure(f"the stage {stage.name} has no function {function}; deploy orders first") from error
        body = answer["Payload"].read()
    if "FunctionError" in answer:
        raise Failure(f"the sweep broke off, and what it cancelled is cancelled: {body.decode()[:500]}")
    return msgspec.json.decode(body, type=Swept)
