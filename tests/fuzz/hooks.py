"""Extensions that schemathesis loads: names of existing things, a record of all answers, and a check of refusals.

`fuzz` sets the environment variables.
"""

import json
import os
import random
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

from tidings.http import problems
from tidings.http.problems import Rule

EXISTING: dict[str, list[str]] = json.loads(os.environ["FUZZ_EXISTING"])
"""Names of existing things, days, and accepted payment methods and currencies, by their parameter or member."""

ITEMS: dict[str, dict[str, str]] = json.loads(os.environ["FUZZ_ITEMS"])
"""The parameters of existing things that one of their names does not identify, by the path."""

ANSWERS = Path(os.environ["FUZZ_ANSWERS"])
"""The file of the answers: a line with the operation and the status for each."""

NEVER_VALID = {rule.title for rule in vars(problems).values() if isinstance(rule, Rule)}
"""The titles of problems that a valid request never has."""


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Name existing things in half of the valid requests. Generated names almost never exist."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    # The same request gets the same names, so that a finding can be repeated.
    choices = random.Random(repr((case.path_parameters, case.body)))  # noqa: S311 - no secret
    if choices.random() < 0.5:
        return
    body: Any = case.body
    lines = body["lines"] if isinstance(body, dict) and "lines" in body else []
    for named in (case.path_parameters or {}, case.query or {}):
        named.update({name: choices.choice(EXISTING[name]) for name in named if name in EXISTING})
    if case.path_parameters and case.operation.path in ITEMS:
        case.path_parameters.update(ITEMS[case.operation.path])
    for line, sku in zip(lines, EXISTING["sku"], strict=False):
        line["sku"] = sku
    if lines:
        body["payment_method"] = choices.choice(EXISTING["payment_method"])
        body.pop("expected_total", None)
    if isinstance(body, dict) and "price" in body:
        body["price"]["currency"] = choices.choice(EXISTING["currency"])


@schemathesis.hook
def after_call(_context: HookContext, case: Case[Any], response: Response) -> None:
    """Record the answer."""
    with ANSWERS.open("a") as file:
        file.write(f"{case.operation.label} {response.status_code}\n")


@schemathesis.check
def refused_by_a_named_rule(_context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Require that a valid request is accepted, or refused by a rule that the document names for the operation."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    # Some requests have no token, or a generated one.
    if not is_valid or response.status_code < 400 or response.status_code == 401:
        return
    title = json.loads(response.text).get("title")
    if title in NEVER_VALID or title not in _titles(case, response.status_code):
        raise AssertionError(f"No rule that the document names refused this valid request: {response.text}")


def _titles(case: Case[Any], status: int) -> set[str]:
    """Return the titles of the rules that the document names for an operation's status."""
    answer = case.operation.definition.raw["responses"].get(str(status), {})
    schema = answer.get("content", {}).get("application/problem+json", {}).get("schema", {"allOf": []})
    return {title for part in schema["allOf"][1:] for title in part["properties"]["title"]["enum"]}
