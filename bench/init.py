"""The cold start: a fresh interpreter, from its beginning to the end of its first event."""

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
from bench.shop import ENVIRONMENT, Invocation, recording
from infra import assets
from infra.services import discover
from infra.stages import STAGES

KEYS = ("init.consumer", "init.api", "init.stripe")
PAIRS = 9
PAIRS_OF_ALL = 2
CANDIDATES = 3
HERE = Path(__file__).parent
INSTALLED = Path(boto3.__file__).parent.parent
OF_LAMBDA = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six.py", "urllib3")
"""What Lambda's Python brings: boto3, and what it needs."""
OF_STRIPE = ("stripe", "requests", "certifi", "charset_normalizer", "idna")
"""What payment's own layer carries, beside that."""

HOW = (
    "Wall time of a fresh interpreter, from before it is started to the end of its first event, which is the event "
    "of the happy order for which the function makes the most requests. The code is what is deployed, boto3 the pinned "
    "one, everything compiled on both sides; AWS's answers are those recorded on moto, given below botocore. The bare "
    f"handler: boto3 client, json, one put. Medians of {PAIRS} pairs."
)

EMPTY_PUT: Mapping[str, Any] = {"PutItem": [(200, {}, "{}")]}
INTENT: Mapping[str, Any] = {"id": "pi_1", "object": "payment_intent", "metadata": {}, "latest_charge": None}
STRIPE: Mapping[str, Any] = {
    "POST /v1/payment_intents": {**INTENT, "status": "requires_confirmation"},
    "POST /v1/payment_intents/pi_1/confirm": {**INTENT, "status": "succeeded"},
}


@dataclass(frozen=True)
class Task:
    """What a fresh interpreter is to do, and in which environment."""

    handler: str
    event: Mapping[str, Any]
    answers: Mapping[str, Sequence[Any]]
    environment: Mapping[str, str]
    others: Mapping[str, Any]

    @classmethod
    def of(cls, invocation: Invocation) -> "Task":
        """A recorded invocation, once more."""
        answers: dict[str, list[tuple[int, dict[str, str], str]]] = {}
        for call in invocation.calls:
            if call.answer:
                told = (call.answer.status, dict(call.answer.headers), call.answer.body.decode())
                answers.setdefault(call.operation, []).append(told)
        return cls(_handler(invocation), invocation.event, answers, invocation.environment, {})


def measure() -> Iterator[Figure]:
    """Measures every consumer, the relay, placing an order, and payment with Stripe."""
    invocations, _ = recording(warm=False)
    relay = next(each for each in invocations if each.function == "relay")
    placing = next(each for each in invocations if each.function == "api")
    payment = Task.of(next(each for each in invocations if each.service == "payment"))
    tasks = {each.service: Task.of(each) for each in _heaviest(invocations)}
    tasks["relay"] = Task.of(relay)
    bare = Task("bench_bare.handler", next(iter(tasks.values())).event, EMPTY_PUT, {}, {})
    with _deployed() as path:
        consumers = {name: _compare(task, bare, path, PAIRS_OF_ALL) for name, task in tasks.items()}
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
        f"{HOW} The slowest ({slowest}) of all consumers and the relay: {PAIRS_OF_ALL} pairs of each tell which "
        f"{CANDIDATES} are measured on; the baseline is in milliseconds.",
        Limit("≤", 1.25),
        (table,),
    )
    yield Figure("init.api", api.ratio, "×", api.baseline * 1000, f"{HOW} Placing an order.", Limit("≤", 1.5))
    yield Figure(
        "init.stripe",
        stripe.ratio,
        "×",
        stripe.baseline * 1000,
        f"{HOW} Payment, over Stripe's library, itself stubbed.",
    )


def _heaviest(invocations: Sequence[Invocation]) -> Iterator[Invocation]:
    """Of each consumer the invocation with the most calls."""
    for service in sorted({each.service for each in invocations if each.function == "consumer"}):
        own = [each for each in invocations if (each.service, each.function) == (service, "consumer")]
        yield max(own, key=lambda each: len(each.calls) / len(each.types))


def _handler(invocation: Invocation) -> str:
    if invocation.function == "relay":
        return "tidings.relaying.handler"
    return f"functions.{invocation.service}.{'serve' if invocation.function == 'api' else 'consume'}.handler"


def _with_stripe(simulated: Task) -> Task:
    """The same charge over Stripe's API, which keeps no table of ours."""
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
    """The seconds that it takes; the interpreter is started without the virtual environment's own start-up files."""
    told = {"handler": task.handler, "event": task.event, "answers": task.answers, "others": task.others}
    command = [sys.executable, "-S", "-m", "bench_first_event"]
    folder = path.partition(os.pathsep)[0]
    environment = {**ENVIRONMENT, **task.environment, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def run() -> None:
        text = json.dumps(told, default=datetime.timestamp)
        done = subprocess.run(  # noqa: S603 - no input of others
            command, input=text, env=environment, cwd=folder, text=True, capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{task.handler} failed: {done.stdout}{done.stderr}")

    return wall_time(run)


@contextmanager
def _deployed() -> Iterator[str]:
    """A path as a function finds it: its layer and its code, and behind them what Lambda brings, as installed here."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, runtime = Path(scratch, "deployed"), Path(scratch, "runtime")
        shutil.copytree(assets.layer(STAGES["local"]) / "python", folder)
        for found in discover():
            shutil.copytree(assets.code(found.folder), folder, dirs_exist_ok=True)
        for module in ("bare", "first_event"):
            shutil.copy(HERE / f"{module}.py", folder / f"bench_{module}.py")
        runtime.mkdir()
        for name in (*OF_LAMBDA, *OF_STRIPE):
            (runtime / name).symlink_to(INSTALLED / name)
            compiled = compileall.compile_dir if (INSTALLED / name).is_dir() else compileall.compile_file
            compiled(INSTALLED / name, quiet=2)
        compileall.compile_dir(folder, quiet=2)
        yield os.pathsep.join((str(folder), str(runtime)))
