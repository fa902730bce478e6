"""The tables of services."""

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb

from infra.constructs.nag import acknowledge
from infra.stacks.base import ApplicationStack
from tidings.aws.names import table_name
from tidings.core.decisions import EXPIRES
from tidings.core.service import Index


def add_table(
    stack: ApplicationStack,
    name: str,
    *,
    sort_key: str | None = None,
    indexes: Sequence[Index] = (),
    stream: bool = False,
    expires: bool = False,
) -> dynamodb.Table:
    """Add an on-demand table with the partition key `pk`.

    The stage's next generation of a table is another resource, so CloudFormation keeps the one before where the stage
    retains tables.

    Args:
        stack: The stack.
        name: The last part of the table's name, without its generation.
        sort_key: The sort key, if the table has one.
        indexes: The indexes.
        stream: Whether a relay reads the table's stream.
        expires: Whether the table deletes items whose time to live has ended.
    """
    stage = stack.stage
    table = dynamodb.Table(
        stack,
        table_name(f"{name}-table", stage.table_generations.get(name, 1)),
        table_name=stack.application.table_name(name),
        partition_key=_text("pk"),
        sort_key=_text(sort_key) if sort_key else None,
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if stream else None,
        time_to_live_attribute=EXPIRES if expires else None,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=stage.point_in_time_recovery
        ),
        deletion_protection=stage.protected,
        removal_policy=stage.removal_policy,
    )
    for index in indexes:
        table.add_global_secondary_index(
            index_name=index.name,
            partition_key=_text(index.partition),
            sort_key=_number(index.sort) if index.numeric else _text(index.sort),
            projection_type=dynamodb.ProjectionType.INCLUDE if index.projects else dynamodb.ProjectionType.KEYS_ONLY,
            non_key_attributes=list(index.projects) or None,
        )
    if not stage.point_in_time_recovery:
        acknowledge(
            table, "DDB3", f"The stage {stage.name} contains test data only. Its tables are deleted with its stacks."
        )
    return table


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _number(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.NUMBER)
