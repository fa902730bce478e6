"""A run of schemathesis against a deployed shop, until it has sent a number of requests."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.shop import SETTINGS
from ops.stage import ROOT
from tests.system.deployed import DeployedShop, User, clean_environment, order_id
from tidings.http.routes import OPERATORS

ORDERS = 12

KEPT, DROPPED = "loyalty", "recommendation"
"""The service whose dead letter remains, and the one whose dead letters generated requests redrive and drop."""

DEAD_LETTER, ACTION = "/operators/dead-letters/{service}/{id}", "/operators/actions/{id}"
"""The paths of things that a request changes or makes elsewhere, so that no other request finds them by chance."""

MAX_EXAMPLES = 100
"""Maximum number of requests in a round for each operation and phase."""

MIN_COVERED = 1000
"""Number of requests from which on the first round also has the phases that cover each keyword of the schemas."""

REPLACED = "positive_data_acceptance"
"""The check that `hooks.refused_by_a_named_rule` replaces.

It tells refusals apart by their status only. A valid request may be refused by a business rule with the status of one
that is not valid (422), or that names nothing (404).
"""


@dataclass
class Report:
    """The outcome of fuzzing.

    Attributes:
        seed: The seed of the first round.
        answers: The number of answers by operation and status: `GET /products 200`.
        findings: The output of each round that found something.
    """

    seed: int
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    @property
    def never_successful(self) -> list[str]:
        """The operations of which no request was successful, so that fuzzing showed little."""
        operations = {answer.rpartition(" ")[0] for answer in self.answers}
        return sorted(operations - {answer[:-4] for answer in self.answers if answer[-3] == "2"})

    @property
    def passed(self) -> bool:
        """True if nothing was found and at least one request of every operation was successful."""
        return not self.findings and not self.never_successful

    def __str__(self) -> str:
        statuses: Counter[str] = Counter()
        for answer, count in self.answers.items():
            statuses[answer[-3:]] += count
        lines = [
            f"{self.answers.total()} requests: "
            + ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items())),
            *(f"No request was successful: {operation}" for operation in self.never_successful),
            *self.findings,
        ]
        return "\n".join(lines)


def run_fuzz(shop: DeployedShop, requests: int, seed: int) -> Report:
    """Send at least this many generated requests, half of them as an operator to operators' routes."""
    report = Report(seed)
    operator, customer = shop.user("fuzz-operator", operator=True), shop.user("fuzz-customer")
    existing, items = _seed_shop(shop, operator, customer), _seed_operations(shop, operator)
    for number, user in enumerate((operator, customer), start=1):
        covered = requests >= MIN_COVERED
        answered = -1
        # A round without an answer failed to begin, and so would the next one.
        while answered < report.answers.total() < requests * number // 2:
            answered = report.answers.total()
            _run_round(shop, user, existing, items, report, seed, requests, covered=covered)
            seed, covered = seed + 1, False
    # The first token may have expired.
    _drop(shop.user("fuzz-operator", operator=True), items[DEAD_LETTER])
    return report


def _seed_operations(shop: DeployedShop, operator: User) -> dict[str, dict[str, str]]:
    """Add a dead letter that no generated request drops, and an action. Return their parameters by their path."""
    letter, dropped = (
        {"service": KEPT, "id": str(sent["MessageId"])}
        for sent in (
            shop.client("sqs").send_message(QueueUrl=shop.outputs.services[KEPT].dlq, MessageBody=body)
            for body in ("kept", "dropped")
        )
    )
    return {DEAD_LETTER: letter, ACTION: {"id": _drop(operator, dropped)}}


def _drop(operator: User, letter: dict[str, str]) -> str:
    """Drop a dead letter, and return the id of the action."""
    path = f"/operators/dead-letters/{letter['service']}/drop"
    answer = operator.http.post(path, json={"ids": [letter["id"]]}).raise_for_status()
    return str(answer.json()["action"])


def _seed_shop(shop: DeployedShop, operator: User, customer: User) -> dict[str, list[str]]:
    """Add products, stock and orders, so that valid requests can be successful. Return their names by parameter."""
    skus = [shop.add_product(operator, stock=10**6, amount=amount) for amount in (50, 1000, 10**9)]
    orders = [order_id(customer.place({skus[n % 2]: 1})) for n in range(ORDERS)]
    for order in orders:
        customer.outcome(order)
    today = str(datetime.now(UTC).date())
    terms = SETTINGS[shop.stage.name]
    return {
        "sku": skus,
        "id": orders,
        "service": [DROPPED],
        "from": [today],
        "to": [today],
        "payment_method": list(terms.payment_methods),
        "currency": list(terms.totals),
    }


def _run_round(
    shop: DeployedShop,
    user: User,
    existing: dict[str, list[str]],
    items: dict[str, dict[str, str]],
    report: Report,
    seed: int,
    requests: int,
    *,
    covered: bool,
) -> None:
    with TemporaryDirectory() as folder:
        answers = Path(folder) / "answers"
        answers.touch()
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{shop.outputs.api}/openapi.json"),
            *("--url", shop.outputs.api, "--header", f"Authorization: Bearer {user.token}"),
            *("--include-path-regex" if user.operator else "--exclude-path-regex", f"^{OPERATORS}"),
            *("--checks", "all", "--exclude-checks", REPLACED, "--continue-on-failure", "--no-color"),
            *("--phases", "examples,coverage,fuzzing,stateful" if covered else "fuzzing,stateful"),
            *("--seed", str(seed), "--max-examples", str(min(MAX_EXAMPLES, requests // 60 or 1))),
            *("--generation-database", "none", "--request-timeout", "60"),
        ]
        environment = clean_environment() | {
            "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
            "PYTHONPATH": str(ROOT),
            "FUZZ_EXISTING": json.dumps(existing),
            "FUZZ_ITEMS": json.dumps(items),
            "FUZZ_ANSWERS": str(answers),
        }
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
        report.answers.update(answers.read_text().splitlines())
    if done.returncode:
        report.findings.append(f"As {user.name}, with seed {seed}:\n{done.stdout}{done.stderr}")
