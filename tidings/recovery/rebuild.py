"""The rebuild of a projection: deletes its state, and builds it again from the event log.

Live events wait in its queue meanwhile and are handled afterwards. Those that the replay sends as well are duplicates.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tidings.recovery.checkpoint import Checkpoint, ReplayProgress
from tidings.recovery.drain import QueueDrain
from tidings.recovery.ports import ConsumerSwitch, ProjectionTable


@dataclass(frozen=True)
class Rebuild:
    """The rebuild of one projection.

    Attributes:
        queue: The projection's queue.
        log_queue: The event log's queue.
        table: The projection's table.
        consumer: The projection's consumer.
        checkpoint: Keeps the progress.
        replay: Sends all events recorded before a time (RFC 3339), and leaves the checkpoint at the phase `handle`.
        report: Receives a text about each step.
    """

    queue: QueueDrain
    log_queue: QueueDrain
    table: ProjectionTable
    consumer: ConsumerSwitch
    checkpoint: Checkpoint
    replay: Callable[[str], ReplayProgress]
    report: Callable[[str], None]

    def run(self) -> ReplayProgress:
        """Rebuild the projection. After a break, another run continues, or begins again if nothing was deleted yet.

        The table is marked from the first step to the last. Nothing is lost while the consumer is stopped, because
        its queue keeps the messages.
        """
        self.table.mark_rebuilding()
        progress = self.checkpoint.load()
        if progress is None:
            self.report("stopping the consumer")
            self.consumer.stop()
            self.report("waiting for the messages in flight")
            self.queue.wait_until_idle()
        if progress is None or progress.phase == "send":
            self.report("waiting until the log has recorded all events")
            end = self.log_queue.wait_until_recorded()
            if progress is None:
                self.report("clearing the table")
                self.table.clear()
                self.checkpoint.save(ReplayProgress())
            self.report("replaying")
            progress = self.replay(end)
        self.report("starting the consumer")
        self.consumer.start()
        self.queue.wait_until_handled(lambda depth: self.report(f"the consumer handles {depth.total} messages"))
        self.table.unmark_rebuilding()
        self.checkpoint.remove()
        return progress
