"""Fuzzing in its short form. `make fuzz` runs the long one."""

import random

from tests.fuzz.fuzz import run_fuzz
from tests.system.deployed import DeployedShop


def test_the_answers_to_three_hundred_generated_requests_are_what_the_document_says(
    shop: DeployedShop, rng: random.Random
) -> None:
    report = run_fuzz(shop, requests=300, seed=rng.getrandbits(32))

    # So few requests do not always succeed for every operation, which `make fuzz` requires.
    assert report.findings == [], str(report)
    assert report.answers.total() >= 300
