"""The deployed stacks of a stage."""

from collections.abc import Collection, Iterable

from ops.console import print_note
from ops.replay.subscription import effective_since
from ops.stage import DeployedStage
from tidings.aws.recovery import reporting


def name_undeclared_stacks(stage: DeployedStage, declared: Collection[str]) -> None:
    """Print a note about each of the stage's deployed stacks that nothing declares any more, with the way to remove it.

    Args:
        stage: The stage.
        declared: The names of the stacks that the code declares.
    """
    for name in undeclared_stacks(stage, declared):
        service = name.removeprefix(stage.prefix)
        print_note(
            f"The stack {name} is deployed, but nothing in this folder declares it, so it runs its old code. If it was "
            f"a service, {stage.command(f'retire {service}')} removes it in order."
        )


def undeclared_stacks(stage: DeployedStage, declared: Collection[str]) -> list[str]:
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
