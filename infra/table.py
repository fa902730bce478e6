"""The tables: what a service knows, one item an order."""

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb

from infra.nag import acknowledge
from infra.stack import StageStack
from tidings.service import Index


def table(
    stack: StageStack,
    name: str,
    *,
    sort_key: str | None = None,
    indexes: Sequence[Index] = (),
    stream: bool = False,
) -> dynamodb.Table:
    """A table with the key `pk`, paid for by the request."""
    stage = stack.stage
    made = dynamodb.Table(
        stack,
        f"{name}-table",
        table_name=stage.named(name),
        partition_key=_text("pk"),
        sort_key=_text(sort_key) if sort_key else None,
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=stage.point_in_time_recovery
        ),
        deletion_protection=stage.protected,
        removal_policy=stage.removal_policy,
    )
    for index in indexes:
        made.add_global_secondary_index(
            index_name=index.name,
            partition_key=_text(index.partition),
            sort_key=_number(index.sort) if index.numeric else _text(index.sort),
            projection_type=dynamodb.ProjectionType.INCLUDE if index.projects else dynamodb.ProjectionType.KEYS_ONLY,
            non_key_attributes=list(index.projects) or None,
        )
    if not stage.point_in_time_recovery:
        acknowledge(
            made,
            "DDB3",
            f"{stage.name} holds made-up orders, and its tables go with its stacks: nothing is to be recovered.",
        )
    return made


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _number(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.NUMBER)
