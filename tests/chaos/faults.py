"""The faults. Each is caused and mended by the commands and the APIs that operators use.

A fault lasts until it has had an effect, such as a message that waits, or until it is clear that it has none.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.local.versions import delete_old_versions
from tests.chaos.plan import Fault, Step
from tests.soak.kills import kill_functions
from tests.soak.soak import Trial, listed
from tests.system.checkout import Checkout, copy_checkout
from tests.system.deployed import DeployedShop, tidings
from tests.system.tables import set_back_table, table_items
from tidings.aws.names import ALIAS
from tidings.aws.recovery import EventSourceMapping
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import wait_until

EFFECT_SECONDS = 20
"""Maximum time to wait for the effect of a fault that may have none, as on a service that has nothing to do."""

SECONDS = 600
"""Maximum time to wait for each step of a fault."""

PREVIOUS = "previous"
"""The alias that keeps a function's version during a release, so that the function can be rolled back."""

NEW_ORDERS = 10
"""Number of orders that a table loses when it ages, and that a new release or a new consumer handles."""


class CommandFailedError(Exception):
    """A command of an operator failed."""


@dataclass
class World:
    """All that faults need.

    Attributes:
        trial: The load and its evidence.
        folder: The folder for a copy of the project, of which releases are deployed.
        rng: Chooses the functions that are killed.
        killed: The number of kills by function.
    """

    trial: Trial
    folder: Path
    rng: random.Random
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def shop(self) -> DeployedShop:
        """The shop."""
        return self.trial.shop

    def command(self, *arguments: str) -> str:
        """Run the command `tidings`, and return its output.

        Raises:
            CommandFailedError: If it fails.
        """
        done = tidings(self.shop.cloud.directory, *arguments)
        if done.returncode:
            raise CommandFailedError(f"tidings {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def catch_up(self) -> None:
        """Wait until the shop has caught up with all that was done before. Redrive dead letters meanwhile."""
        caught_up = self.trial.reader.catching_up()

        def condition() -> bool:
            self.trial.redrive()
            return caught_up()

        wait_until(condition, SECONDS, "the end of what was begun", every=1)

    def wait_for_orders(self, number: int = NEW_ORDERS) -> int:
        """Wait until more orders were placed. Return their number, which is less if the load has ended."""
        records = self.trial.load.records
        before = len(records.orders())
        with suppress(TimeoutError):
            wait_until(lambda: len(records.orders()) >= before + number, SECONDS, "new orders", every=1)
        return len(records.orders()) - before


def cause(world: World, step: Step) -> str:
    """Cause a fault, and mend it after it has had an effect.

    Returns:
        What happened, as one sentence.

    Raises:
        CommandFailedError: If a command of an operator fails.
        TimeoutError: If something does not happen in time.
    """
    return FAULTS[step.fault](world, step)


def _kill(world: World, step: Step) -> str:
    with kill_functions(world.trial.cloud, world.rng, step.kills) as killed:
        pass
    world.killed.update(killed)
    return f"killed: {listed(killed)}"


def _stop(world: World, step: Step) -> str:
    waiting: dict[str, int] = {}
    with ExitStack() as stack:
        for function in step.targets:
            stack.callback(world.command, "resume", function)
            EventSourceMapping(world.shop.client("lambda"), f"{world.shop.stage.prefix}{function}").stop()

        def all_wait() -> bool:
            waiting.update({function: _waiting(world, function) for function in step.targets})
            return all(waiting.values())

        with suppress(TimeoutError):
            wait_until(all_wait, EFFECT_SECONDS, "messages", every=1)
    return "held back: " + ", ".join(f"{n} of {function}" for function, n in waiting.items())


def _waiting(world: World, function: str) -> int:
    """Return the number of messages or of events that wait for a consumer or a relay."""
    service, _, part = function.partition("-")
    return len(world.trial.reader.unrecorded(service)) if part == "relay" else world.shop.queue_depth(service)


def _refuse(world: World, _step: Step) -> str:
    before = world.trial.reader.incidents().returned
    world.command("break", "gateway")
    try:
        orders = world.wait_for_orders()
        returned = wait_until(
            lambda: world.trial.reader.incidents().returned - before, SECONDS, "a payment that is refused", every=1
        )
    finally:
        world.command("mend", "gateway")
    return f"{orders} orders were placed meanwhile, and {returned} messages returned to their queues"


def _age(world: World, step: Step) -> str:
    (service,) = step.targets
    taken, snapshot = to_rfc3339(now()), table_items(world.shop, service)
    orders = world.wait_for_orders()
    world.command("close", service)
    deleted, set_back = set_back_table(world.shop, service, snapshot)
    try:
        outcome = _recover(world, service, taken)
    except CommandFailedError:
        # The customers' requests must end.
        world.command("open", service, "--force")
        raise
    world.command("open", service)
    if not deleted + set_back:
        raise CommandFailedError(f"the table of {service} had not changed, so nothing was recovered")
    return f"{orders} orders later {deleted} items were deleted and {set_back} set back; {outcome.splitlines()[0]}"


def _recover(world: World, service: str, taken: str) -> str:
    """Recover a service. Repeat the command for as long as it is refused, because the log may still be behind."""
    refusals: list[str] = []

    def recovered() -> str | None:
        try:
            return world.command("recover", service, "--snapshot", taken)
        except CommandFailedError as error:
            refusals.append(str(error))
            return None

    try:
        return wait_until(recovered, SECONDS, f"the recovery of {service}", every=5)
    except TimeoutError as error:
        raise CommandFailedError(refusals[-1]) from error


def _release(world: World, step: Step) -> str:
    checkout = _new_checkout(world)
    for service in step.targets:
        with (checkout.folder / "functions" / service / "service.py").open("a") as source:
            source.write("\n# The next release.\n")
    functions = world.shop.client("lambda")
    with _previous_versions(world) as previous:
        _deploy(world, checkout)
        changed = {name for name, version in _versions(world, ALIAS).items() if version != previous.get(name)}
        if unchanged := [each for each in step.targets if not any(_is_of(world, each, name) for name in changed)]:
            raise CommandFailedError(f"the deployment changed no function of {', '.join(unchanged)}")
        orders = world.wait_for_orders()
        for name in changed & previous.keys():
            functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=previous[name])
    return f"{len(changed)} functions had a new version for {orders} orders"


@contextmanager
def _previous_versions(world: World) -> Any:
    """Keep the current versions of all functions during the context."""
    functions = world.shop.client("lambda")
    versions = _versions(world, ALIAS)
    for name, version in versions.items():
        functions.create_alias(FunctionName=name, Name=PREVIOUS, FunctionVersion=version)
    try:
        yield versions
    finally:
        for name in versions:
            functions.delete_alias(FunctionName=name, Name=PREVIOUS)
        delete_old_versions(functions)


def _versions(world: World, alias: str) -> dict[str, str]:
    """Return the version that an alias of each of the shop's functions is at."""
    functions = world.shop.client("lambda")
    pages = functions.get_paginator("list_functions").paginate()
    names = [function["FunctionName"] for page in pages for function in page["Functions"]]
    return {
        name: functions.get_alias(FunctionName=name, Name=alias)["FunctionVersion"]
        for name in names
        if name.startswith(world.shop.stage.prefix)
    }


def _is_of(world: World, service: str, function: str) -> bool:
    return function.startswith(f"{world.shop.stage.prefix}{service}-")


def _add_consumer(world: World, step: Step) -> str:
    (name,) = step.targets
    checkout = _new_checkout(world)
    checkout.sh(f".venv/bin/python -m ops new consumer {name} --on OrderConfirmed")
    _deploy(world, checkout)
    world.wait_for_orders()
    confirmed = world.trial.reader.confirmed()
    checkout.sh(f"{_program(world)} replay {name}")
    table = f"{world.shop.stage.prefix}{name}"
    keys: set[str] = set()

    def all_known() -> bool:
        pages = world.shop.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        keys.update(item["pk"]["S"] for page in pages for item in page["Items"])
        return confirmed <= keys

    wait_until(all_known, SECONDS, f"all confirmed orders in the table of {name}", every=1)
    shutil.rmtree(checkout.folder / "functions" / name)
    _deploy(world, checkout)
    checkout.sh(f"{_program(world)} retire {name} --delete-data --yes")
    return f"it knew all of {len(confirmed)} confirmed orders before it was retired"


def _new_checkout(world: World) -> Checkout:
    shutil.rmtree(world.folder, ignore_errors=True)
    return copy_checkout(world.folder)


def _deploy(world: World, checkout: Checkout) -> None:
    """Deploy the code of a copy of the project on the shop's cloud."""
    checkout.sh(f"{_program(world)} up")


def _program(world: World) -> str:
    return f".venv/bin/python -m ops --local {world.shop.cloud.directory}"


FAULTS: dict[Fault, Callable[[World, Step], str]] = {
    Fault.KILL: _kill,
    Fault.STOP: _stop,
    Fault.GATEWAY: _refuse,
    Fault.AGE: _age,
    Fault.RELEASE: _release,
    Fault.CONSUMER: _add_consumer,
}
