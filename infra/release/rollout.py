"""The sequence of a release's stacks: the consumers of a changed contract are deployed before its producer.

A consumer of the new version reads what the old producer announces. The old consumer may refuse what the new producer
announces, or drop the part that it does not know. A service that subscribes to every event reads none by its contract,
so it has no place in the sequence.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

from tidings.core.service import Service

Edges = dict[str, dict[str, frozenset[str]]]
"""For each service (first key), the services that must be deployed before it (second key), with the changed contracts
that they consume."""


@dataclass(frozen=True)
class Rollout:
    """The sequence in which services are deployed.

    Attributes:
        after: The services that must be deployed before a service, each with the changed contracts that it consumes.
            A service that is not named may be deployed at any time.
        problems: A description of each cycle, and of the way out. Nothing may be deployed if there is one.
    """

    after: Mapping[str, Mapping[str, frozenset[str]]]
    problems: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The services that have a place in the sequence. Those of one group may be deployed at once.

        Raises:
            CycleError: If there is a cycle.
        """
        sorter = TopologicalSorter(self.after)
        sorter.prepare()
        groups: list[tuple[str, ...]] = []
        while sorter.is_active():
            ready = sorter.get_ready()
            groups.append(tuple(sorted(ready)))
            sorter.done(*ready)
        return tuple(groups)

    @property
    def steps(self) -> tuple[str, ...]:
        """A text for each service that waits for others: `assignment after desk (TicketAssigned)`."""
        return tuple(
            f"{service} after "
            + ", ".join(f"{each} ({', '.join(sorted(names))})" for each, names in sorted(self.after[service].items()))
            for group in self.groups
            for service in group
            if service in self.after
        )


def rollout_of(services: Iterable[Service[Any]], changed: Collection[str]) -> Rollout:
    """Return the sequence in which services are deployed.

    Args:
        services: All services of an application.
        changed: The contracts that changed since the last release, by their `dataschema`.
    """
    edges = _edges(tuple(services), changed)
    problems: list[str] = []
    left = {service: dict(others) for service, others in edges.items()}
    while cycle := _cycle(left):
        problems.append(_describe(cycle, left))
        service, other = _cheapest(cycle, left)
        del left[service][other]
    return Rollout(edges, tuple(problems))


def _edges(services: Collection[Service[Any]], changed: Collection[str]) -> Edges:
    edges: Edges = {}
    for producer in services:
        contracts = {contract for contract in producer.announces if contract.schema() in changed}
        for consumer in services:
            names = frozenset(contract.__name__ for contract in contracts.intersection(consumer.contracts))
            if names and consumer.name != producer.name:
                edges.setdefault(producer.name, {})[consumer.name] = names
    return edges


def _cycle(edges: Edges) -> list[tuple[str, str]]:
    """Return a cycle as pairs of a service and the one that must precede it; none if there is no cycle."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        # Each name precedes the next one, and the first is the last.
        path: list[str] = error.args[1]
        return [(service, before) for before, service in pairwise(path)]
    return []


def _cheapest(cycle: list[tuple[str, str]], edges: Edges) -> tuple[str, str]:
    """Return the pair of a cycle with the fewest contracts."""
    return min(cycle, key=lambda pair: (len(edges[pair[0]][pair[1]]), pair))


def _describe(cycle: list[tuple[str, str]], edges: Edges) -> str:
    parts = "; ".join(
        f"{consumer} handles {', '.join(sorted(edges[producer][consumer]))} of {producer}"
        for producer, consumer in sorted(cycle)
    )
    producer, consumer = _cheapest(cycle, edges)
    postponed = " and ".join(sorted(edges[producer][consumer]))
    return (
        "These contracts changed since the last release, and no sequence deploys each consumer before its producer: "
        f"{parts}. Split the release: let {producer} announce {postponed} as in the last release, or not at all if it "
        f'is new; deploy, and record that release. Then release the change of {postponed}: see "Split a release" in '
        "docs/guides/deploy.md."
    )
