import json
import os
import subprocess
import sys

SERVICE = {"POWERTOOLS_SERVICE_NAME": "inventory", "AWS_DEFAULT_REGION": "eu-west-1"}


def run(code: str) -> str:
    """What an interpreter of its own prints."""
    environment = {**os.environ, **SERVICE}
    return subprocess.run(  # noqa: S603 - no input of others
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_what_every_consumer_loads_does_not_load_powertools() -> None:
    assert run("import sys, tidings.aws; print('aws_lambda_powertools' in sys.modules)") == "False\n"


def test_what_the_runtime_logs_is_json_with_the_services_name() -> None:
    said = json.loads(run("from tidings.log import logger; logger.warning('busy', extra={'order': 'order-1'})"))
    assert (said["level"], said["service"], said["message"], said["order"]) == (
        "WARNING",
        "inventory",
        "busy",
        "order-1",
    )


def test_whoever_logs_finds_the_keys_that_were_appended_to_the_functions_log() -> None:
    said = json.loads(run("from tidings.log import logger; logger.append_keys(correlation_id='c'); logger.error('no')"))
    assert said["correlation_id"] == "c"
