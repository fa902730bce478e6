"""The deployed stacks of a stage."""

from collections.abc import Collection, Iterable

from ops.replay.subscription import effective_since
from ops.stage import DeployedStage
from tidings.aws.recovery import reporting


def stacks_without_folder(stage: DeployedStage, declared: Collection[str]) -> list[str]:
    """Return the names of the stage's deployed stacks that nothing declares any more.

    Args:
        stage: The stage.
        declared: The names of the stacks that the code declares.
    """
    with reporting(f"the stacks of the stage {stage.name} cannot be read"):
        pages = list(stage.client("cloudformation").get_paginator("describe_stacks").paginate())
    names = (stack["StackName"] for page in pages for stack in page["Stacks"])
    return sorted(name for name in names if name.startswith(stage.prefix) and name not in declared)


def changed_subscriptions(stage: DeployedStage, consumers: Iterable[str]) -> dict[str, int]:
    """Return when each consumer's subscription was last created or changed, in milliseconds since 1970."""
    client = stage.client("cloudformation")
    with reporting(f"the stacks of the stage {stage.name} cannot be read"):
        return {name: effective_since(client, f"{stage.prefix}{name}", delay=0) for name in consumers}
