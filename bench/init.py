"""Cold starts: the time from the start of a fresh interpreter to the end of its first event."""

import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3

from bench.figures import Figure, Limit, Paired, Table, paired, wall_time
from bench.shop import Invocation, recording
from infra import assets
from infra.shop import shop_services
from infra.stages import STAGES
from tests.integration.cloud import CREDENTIALS

KEYS = ("init.consumer", "init.api", "init.stripe")
PAIRS = 9
PAIRS_OF_EACH = 2
CANDIDATES = 3
HERE = Path(__file__).parent
INSTALLED = Path(boto3.__file__).parent.parent
STRIPE_PACKAGES = ("stripe", "requests", "certifi", "charset_normalizer", "idna")
"""The packages of payment's own layer."""

HOW = (
    "Wall time from before a fresh interpreter starts to the end of its first event: the event of a happy order for "
    "which the function makes the most requests. It runs the deployed code in the deployed environment, with the "
    "pinned boto3, all compiled on both sides. AWS's answers are those recorded on moto, given below botocore. The "
    f"bare handler has a boto3 client and json, and puts one item. Medians of {PAIRS} pairs."
)

EMPTY_PUT: Mapping[str, Any] = {"PutItem": [(200, {}, "{}")]}
INTENT: Mapping[str, Any] = {"id": "pi_1", "object": "payment_intent", "metadata": {}, "latest_charge": None}
STRIPE: Mapping[str, Any] = {
    "POST /v1/payment_intents": {**INTENT, "status": "requires_confirmation"},
    "POST /v1/payment_intents/pi_1/confirm": {**INTENT, "status": "requires_capture"},
}


@dataclass(frozen=True)
class Task:
    """The task of a fresh interpreter.

    Attributes:
        handler: The handler's name.
        event: The event.
        answers: AWS's answers by operation.
        environment: The function's environment.
        others: The answers of other services than AWS.
    """

    handler: str
    event: Mapping[str, Any]
    answers: Mapping[str, Sequence[Any]]
    environment: Mapping[str, str]
    others: Mapping[str, Any]

    @classmethod
    def of(cls, invocation: Invocation) -> "Task":
        """Return the task of repeating a recorded invocation."""
        answers: dict[str, list[tuple[int, dict[str, str], str]]] = {}
        for call in invocation.calls:
            if call.answer:
                answer = (call.answer.status, dict(call.answer.headers), call.answer.body.decode())
                answers.setdefault(call.operation, []).append(answer)
        return cls(invocation.handler, invocation.event, answers, invocation.environment, {})


def measure() -> Iterator[Figure]:
    """Measure every consumer, the relay, placing an order, and payment with Stripe."""
    invocations, _ = recording(warm=False)
    relay = next(each for each in invocations if each.function == "relay")
    placing = next(each for each in invocations if each.function == "api")
    payment = Task.of(next(each for each in invocations if each.service == "payment"))
    tasks = {each.service: Task.of(each) for each in _heaviest(invocations)}
    tasks["relay"] = Task.of(relay)
    bare = Task("bench_bare.handler", next(iter(tasks.values())).event, EMPTY_PUT, {}, {})
    with _deployed() as path:
        consumers = {name: _compare(task, bare, path, PAIRS_OF_EACH) for name, task in tasks.items()}
        slow = sorted(consumers, key=lambda name: consumers[name].ratio)[-CANDIDATES:]
        consumers |= {name: _compare(tasks[name], bare, path, PAIRS) for name in slow}
        api = _compare(Task.of(placing), bare, path, PAIRS)
        stripe = _compare(_with_stripe(payment), bare, path, PAIRS)
    slowest = max(slow, key=lambda name: consumers[name].ratio)
    rows = {**consumers, "placing an order": api, "payment with Stripe": stripe}
    table = Table(
        "From a fresh interpreter to the end of the first event",
        ("÷ bare handler", "ms", "bare handler, ms"),
        {name: (each.ratio, each.ours * 1000, each.baseline * 1000) for name, each in rows.items()},
        unit="÷ bare handler",
        chart="bars",
    )
    worst = consumers[slowest]
    yield Figure(
        "init.consumer",
        worst.ratio,
        "×",
        worst.baseline * 1000,
        f"{HOW} This is the slowest ({slowest}) of all consumers and the relay. {PAIRS_OF_EACH} pairs of each select "
        f"the {CANDIDATES} that are measured in full. The baseline is in milliseconds.",
        Limit("≤", 1.25),
        (table,),
    )
    yield Figure("init.api", api.ratio, "×", api.baseline * 1000, f"{HOW} Placing an order.", Limit("≤", 1.5))
    yield Figure(
        "init.stripe",
        stripe.ratio,
        "×",
        stripe.baseline * 1000,
        f"{HOW} Payment with Stripe's library, whose requests are answered as well.",
    )


def _heaviest(invocations: Sequence[Invocation]) -> Iterator[Invocation]:
    """Yield the invocation with the most calls of each consumer."""
    for service in sorted({each.service for each in invocations if each.function == "consumer"}):
        own = [each for each in invocations if (each.service, each.function) == (service, "consumer")]
        yield max(own, key=lambda each: len(each.calls) / len(each.types))


def _with_stripe(simulated: Task) -> Task:
    """Return the task of the same charge through Stripe's API."""
    environment = {**simulated.environment, "GATEWAY": "stripe", "STRIPE_KEY_ARN": "stripe-key"}
    answers: Mapping[str, Any] = {
        "GetItem": [(200, {}, "{}")],
        "PutItem": [(200, {}, "{}")] * 2,
        "GetSecretValue": [(200, {}, json.dumps({"SecretString": "sk_test_bench"}))],
    }
    return Task(simulated.handler, simulated.event, answers, environment, STRIPE)


def _compare(task: Task, bare: Task, path: str, pairs: int) -> Paired:
    return paired(lambda: _run(task, path), lambda: _run(bare, path), pairs)


def _run(task: Task, path: str) -> float:
    """Return the seconds that a task takes.

    `-S` starts the interpreter without the virtual environment's own start-up files, which Lambda does not have.
    """
    request = {"handler": task.handler, "event": task.event, "answers": task.answers, "others": task.others}
    command = [sys.executable, "-S", "-m", "bench_first_event"]
    folder = path.partition(os.pathsep)[0]
    environment = {**CREDENTIALS, **task.environment, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def run() -> None:
        text = json.dumps(request, default=datetime.timestamp)
        done = subprocess.run(  # noqa: S603 - no input of others
            command, input=text, env=environment, cwd=folder, text=True, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{task.handler} failed: {done.stdout}{done.stderr}")

    return wall_time(run)


@contextmanager
def _deployed() -> Iterator[str]:
    """Yield a function's import path: its layer and its code, then the packages of payment's own layer."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, stripe = Path(scratch, "deployed"), Path(scratch, "stripe")
        shutil.copytree(assets.layer(STAGES["local"]) / "python", folder)
        for service in shop_services():
            shutil.copytree(assets.service_code(service), folder, dirs_exist_ok=True)
        for module in ("bare", "first_event"):
            shutil.copy(HERE / f"{module}.py", folder / f"bench_{module}.py")
        stripe.mkdir()
        for name in STRIPE_PACKAGES:
            (stripe / name).symlink_to(INSTALLED / name)
            compileall.compile_dir(INSTALLED / name, quiet=2)
        compileall.compile_dir(folder, quiet=2)
        yield os.pathsep.join((str(folder), str(stripe)))
