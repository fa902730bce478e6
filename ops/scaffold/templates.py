"""The texts of a new service's files."""

SERVICE = '''"""{title}: remembers which events have happened to an order."""

{imports}
from functions.{name} import handlers
from tidings import Service, on

service = Service(
    name="{name}",
    state=handlers.Seen,
    handlers=({subscriptions},),
    concurrency=10,
    rebuildable=True,
)
'''

SUBSCRIPTION = "on({event}, handlers.{handler})"

HANDLERS = '''"""The handlers of {name}: they remember which events have happened to an order.

Events may arrive in any sequence. The library ignores an event that is delivered again.
"""

from typing import Any

from msgspec import Struct

{imports}
from tidings import Decision, Entity, Event, Save


class Seen(Struct, frozen=True, omit_defaults=True):
    """An order, as far as {name} knows it."""

    events: tuple[str, ...] = ()

{handlers}

def _remember(entity: Entity[Seen], event: Event[Any]) -> Decision[Seen]:
    known = entity.state.events if entity.state else ()
    return Save(Seen(events=tuple(sorted({{*known, event.type}}))))
'''

HANDLER = '''
def {handler}(entity: Entity[Seen], event: Event[{event}]) -> Decision[Seen]:
    """Remember the event."""
    return _remember(entity, event)

'''

TEST = """from itertools import permutations
from typing import Any

import pytest

{imports}
from functions.{name}.handlers import Seen
from functions.{name}.service import service
from tidings import Event
from tidings.testing import given, make_event

EVENTS: tuple[Event[Any], ...] = ({events},)
EXPECTED = Seen(events={types})


@pytest.mark.parametrize("events", list(permutations(EVENTS)))
def test_{name}_reaches_the_same_state_in_whatever_order_events_arrive(events: tuple[Event[Any], ...]) -> None:
    given(service).when(*events).then(state=EXPECTED)


def test_{name}_ignores_a_duplicate() -> None:
    given(service, *EVENTS).when(EVENTS[0]).then(state=EXPECTED, writes=0)
"""

TEST_EVENT = "make_event({sample}, number={number})"
