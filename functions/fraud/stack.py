"""Fraud's own resources: the stage's rules, and the secret of its pseudonyms."""

import msgspec
from aws_cdk import aws_secretsmanager as secretsmanager

from functions.fraud.rules import LENIENT, STRICT
from infra.constructs.nag import acknowledge
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

KEY_LENGTH = 64


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:  # noqa: ARG001 - the shape of all services
    """Configure the consumer's rules, and generate a secret that it alone may read."""
    stage, consumer = stack.stage, stack.functions["consumer"]
    key = secretsmanager.CfnSecret(
        stack,
        "pseudonyms-key",
        name=stack.application.resource_name(f"{stack.name}-pseudonyms-key"),
        description="The key by which customers and addresses become pseudonyms. It was generated",
        generate_secret_string=secretsmanager.CfnSecret.GenerateSecretStringProperty(
            password_length=KEY_LENGTH, exclude_punctuation=True
        ),
    )
    key.apply_removal_policy(stage.removal_policy)
    acknowledge(
        key,
        "SMG4",
        "The key is known to one function only, and what it protects is deleted after a month. A new key makes other "
        "pseudonyms, so all counts begin anew: an operator replaces it if it may be known to somebody.",
    )
    rules = LENIENT if stage.emulated else STRICT
    consumer.add_environment("RULES", msgspec.json.encode(rules).decode())
    # The attribute `Id` is the ARN. So is the reference, but on the local cloud that is the name.
    consumer.add_environment("PSEUDONYMS_KEY_ARN", key.attr_id)
    consumer.allow("secretsmanager:GetSecretValue", on=[key.attr_id])
