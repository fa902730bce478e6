"""An operator's audit: the command's engine over the tables, the log and the topic in memory."""

from tests.simulation.republish import MemoryOutboxTable, MemoryTopicDestination
from tests.simulation.shop import Shop
from tidings.core.clock import to_rfc3339
from tidings.recovery.audit import Audit, AuditProgress, AuditRepair, AuditScope
from tidings.recovery.republish import Republisher
from tidings.recovery.sender import Sender
from tidings.testing import InlineExecutor


def audit(shop: Shop, *, repair: bool = False) -> AuditProgress:
    """Compare all outboxes of a shop with its log, and fill the gaps on demand."""
    tables = {name: each.table for name, each in shop.deployed.items() if each.service.announces}
    sender = Sender(MemoryTopicDestination(shop.topic), "audit", InlineExecutor(), pause=lambda _seconds: None)
    return Audit(
        outboxes={name: MemoryOutboxTable(table) for name, table in tables.items()},
        log=shop.log,
        scope=AuditScope(since="", until=to_rfc3339(shop.clock.now + 1)),
        threads=InlineExecutor(),
        repair=AuditRepair(Republisher(sender), tables, appends=True) if repair else None,
    ).run()
