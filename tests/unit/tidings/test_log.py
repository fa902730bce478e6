import json
import os
import subprocess
import sys

SERVICE = {"POWERTOOLS_SERVICE_NAME": "answers", "AWS_DEFAULT_REGION": "eu-west-1"}


def run(code: str) -> str:
    """Return what a new interpreter prints."""
    environment = {**os.environ, **SERVICE}
    return subprocess.run(  # noqa: S603 - no input of others
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_a_consumer_does_not_load_powertools() -> None:
    code = "import sys, tidings.aws.lambdas; print('aws_lambda_powertools' in sys.modules)"
    assert run(code) == "False\n"


LOGGER = "from tidings.observability.log import logger; "


def test_a_log_line_is_json_with_the_services_name() -> None:
    line = json.loads(run(LOGGER + "logger.warning('busy', extra={'entity': 'ticket-1'})"))
    assert (line["level"], line["service"], line["message"], line["entity"]) == (
        "WARNING",
        "answers",
        "busy",
        "ticket-1",
    )


def test_a_log_line_contains_the_keys_that_were_appended() -> None:
    line = json.loads(run(LOGGER + "logger.append_keys(correlation_id='c'); logger.error('no')"))
    assert line["correlation_id"] == "c"


def test_a_traceback_shows_the_places_and_types_of_an_error_and_its_cause_without_their_texts() -> None:
    code = """
from tidings.core.errors import RetryableError
try:
    try:
        raise ValueError("ann@customers.example")
    except ValueError as error:
        raise RetryableError("no answer") from error
except RetryableError:
    logger.exception("failed")
"""
    line = json.loads(run(LOGGER + code))
    assert "ValueError at __main__:5" in line["exception"]
    assert line["exception"].endswith("RetryableError: no answer")
    assert line["exception_name"] == "RetryableError"
    assert "ann@customers.example" not in json.dumps(line)
