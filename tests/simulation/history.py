"""A history: people at work while every kind of fault happens, until the shop heals and comes to rest."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate
from typing import Any

from functions.orders.expiry.brake import BrakeLimit
from functions.payment.state import REFUNDS_WATCHED
from tests.simulation.clock import DAY, HOUR, MINUTE, SECOND
from tests.simulation.faults import FaultProfile
from tests.simulation.people import JUMPS, People
from tests.simulation.random_source import RandomSource
from tests.simulation.redrive import is_redrivable
from tests.simulation.restore import Restores
from tests.simulation.shop import HASTY, PATIENT, Settings, Shop
from tests.simulation.violation import ViolationError

MAX_JUMPS = 5 * DAY
"""Maximum time that a history jumps over, so that no queue's retention ends meanwhile."""

DISPUTES_ASKED = 6 * HOUR
"""Time after which the gateway is asked for disputes again. It is longer than the schedule's, to save work."""

TIGHT = BrakeLimit(2, HOUR)
"""With this one the expiry job stops often."""

MAX_PAUSED = 8
MAX_STEPS = 30_000
MAX_ROUNDS = 30

CALM = FaultProfile()
PROFILES = (
    FaultProfile(switches=0.05),
    CALM,
    FaultProfile(switches=0.02, failures=0.002, crashes=0.002),
    FaultProfile(switches=0.1, failures=0.01, crashes=0.01),
    FaultProfile(switches=0.3, failures=0.005, crashes=0.005),
    FaultProfile(switches=0.02, failures=0.05, crashes=0.002),
    FaultProfile(switches=0.02, failures=0.002, crashes=0.05),
    FaultProfile(switches=0.1, failures=0.05, crashes=0.05),
)


class History:
    """A shop, its people, and the faults that happen.

    Attributes:
        choices: Its choices.
        shop: The shop.
        people: Its people.
        restored: The service whose table goes back to earlier moments; empty for none.
        restores: These restores; None if there are none.
    """

    def __init__(
        self, choices: RandomSource, orders: int, trace: Callable[[str], None] | None = None, restored: str = ""
    ) -> None:
        self.choices = choices
        below = choices.below
        settings = Settings(
            visibility=(121 * SECOND, 121 * SECOND, 8 * SECOND)[below(3)],
            lanes=1 + below(2),
            batch=(10, 10, 3, 1)[below(4)],
            relay_batch=(100, 4)[below(2)],
            concurrency=(1, 2, 4)[below(3)],
            policy=(PATIENT, HASTY)[below(2)],
        )
        if settings.lanes > 1:
            settings = replace(settings, brake=TIGHT)
        self.shop = Shop(choices, settings, self._step, trace)
        self._deployed = list(self.shop.deployed.values())
        self._lanes = [
            (each, lane, records)
            for each in self._deployed
            if each.service.announces
            for lane, records in enumerate(each.stream.lanes)
        ]
        self.shop.calls.profile = PROFILES[below(len(PROFILES))]
        self.shop.outages = (0, 0.02, 0.1)[below(3)]
        self.shop.refusals = (0, 0.01, 0.05)[below(3)]
        self.shop.lags = (0, 0.01, 0.1)[below(3)]
        self.shop.repeats = (0, 0.01, 0.1)[below(3)]
        self.shop.lost = (0, 0.1, 0.5, 1.0)[below(4)]
        self._shuffled = below(4) > 0
        self._min_batch = (1, 3, 6)[below(3)]
        self._erased_last = below(6)
        self._eagerness = (0.5, 0.2, 0.05)[below(3)]
        self._jumpiness = (0, 0.002, 0.02)[below(3)]
        self.people = People(self.shop, choices)
        self.people.open_shop()
        self.restored = restored
        self.restores = Restores(self.shop, choices, restored) if restored else None
        self._steps = 0
        self._asked = 0
        self._time_left = MAX_JUMPS
        self._budget: dict[Callable[[], bool], int] = {
            self.people.place: orders,
            self.people.dispatch_any: orders // 2,
            self.people.cancel_any: orders // 3,
            self.people.repeat: orders // 6,
            self.people.expire: below(3),
            self.people.check_payments: below(4),
            self.people.report_disputes: below(2),
            self.people.approve_any: below(orders // 2 + 1),
            self.people.decide_any: below(orders // 2 + 1),
            self.people.refund_any: below(4),
            self.people.repair_any: below(4),
            self.people.use_dashboard: below(4),
            self.people.set_stock: below(4),
            self.people.set_price: below(3),
            self.people.poison: below(3),
            self.people.stop_consumer: below(4),
            self.people.redrive_any: below(6),
            self.people.republish: below(3),
            self.people.erase_any: below(orders // 3 + 1),
            self.people.replay_any: below(4),
        }
        self._restored_last = False
        if self.restores:
            self._budget |= {self.restores.take: 1 + below(4), self.restores.restore_any: 1 + below(3)}
            # The last recovery makes good what an earlier one has missed.
            self._restored_last = below(2) == 1

    def run(self) -> None:
        """Run to the end, and heal.

        Raises:
            ViolationError: If the shop does not come to rest, or shows a violation on the way.
        """
        self.shop.tasks.run()
        self._heal()

    # The next step

    def _step(self) -> bool:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise ViolationError("the shop comes to rest", f"not within {MAX_STEPS} steps")
        if self.restores and self.restores.proceed():
            return True
        happens = self.choices.happens
        if self._jumpiness and happens(self._jumpiness):
            self._jump()
        if happens(self._eagerness) and self._act():
            return True
        ready = self._ready()
        if ready:
            act, *arguments = ready[self.choices.below(len(ready)) if self._shuffled else 0]
            act(*arguments)
            return True
        return self._act() or self._wait()

    def _ready(self) -> list[tuple[Any, ...]]:
        """Return what can go on now, as functions with arguments: paused tasks, relays and consumers."""
        shop = self.shop
        ready: list[tuple[Any, ...]] = [(shop.tasks.resume, task) for task in shop.tasks.paused]
        if len(ready) >= MAX_PAUSED:
            return ready
        now, most = shop.clock.now, shop.settings.concurrency
        for each, lane, records in self._lanes:
            if records and lane not in each.busy:
                ready.append((shop.relay, each, lane))
        few: list[tuple[Any, ...]] = []
        for each in self._deployed:
            queue = each.queue
            if queue.hidden and queue.hidden[0][0] <= now:
                queue.wake()
            if queue.receivable and each.down_until <= now and each.running < most:
                (ready if len(queue.receivable) >= self._min_batch else few).append((shop.consume, each))
        if shop.gateway.outbox:
            ready.append((self.people.deliver_webhook,))
        # Consumers wait for their batches to fill while there is something else to do.
        return ready or few

    def _act(self) -> bool:
        """Let someone do something. Return False if nobody has anything left to do."""
        unanswered = self.people.unanswered
        if unanswered and self.choices.below(2) == 0:
            unanswered.pop(0)()
            return True
        left = dict(self._budget)
        while total := sum(left.values()):
            chosen = bisect_right(list(accumulate(left.values())), self.choices.below(total))
            action = list(left)[chosen]
            self._budget[action] -= 1
            if action():
                return True
            self._budget[action] += 1
            left[action] = 0
        if unanswered:
            unanswered.pop(0)()
            return True
        return False

    def _wait(self) -> bool:
        """Let time pass until something can go on. Return False if nothing ever will."""
        clock = self.shop.clock
        times = [
            max(time, each.down_until)
            for each in self._deployed
            if (time := clock.now if each.queue.ready(clock.now) else each.queue.next_time()) is not None
        ]
        if not times:
            return False
        if clock.now - self._asked >= MINUTE and self._asks_for_disputes(min(times) - clock.now):
            return True
        clock.now = max(clock.now + 1, min(times))
        return True

    def _jump(self) -> None:
        by = JUMPS[self.choices.below(len(JUMPS))]
        if by <= self._time_left:
            self._asks_for_disputes(by)
            self._time_left -= by
            self.shop.clock.now += by
            self.shop.delete_expired()
            self.shop.say(f"{by // SECOND} s pass")

    def _asks_for_disputes(self, time: int) -> bool:
        """Run the job that reports disputes, before a time passes in which its schedule would have run often."""
        now = self.shop.clock.now
        if not self.shop.gateway.is_disputed or now + time - self._asked < DISPUTES_ASKED:
            return False
        self._asked = now
        return self.people.report_disputes()

    # Healing

    def _heal(self) -> None:
        shop = self.shop
        shop.say("everything heals")
        self.choices.calm = True
        shop.calls.profile = CALM
        shop.outages = shop.refusals = shop.lags = shop.repeats = self._jumpiness = 0
        # A history that loses all webhooks goes on to lose them. Its check job alone must find each change.
        shop.lost = int(shop.lost)
        self._shuffled = False
        self._budget = {}
        self._steps = 0
        for each in self._deployed:
            each.down_until = 0
        self._recover()
        if self.restores and self._restored_last:
            self.restores.restore_any()
            self._recover()
        if self.restores:
            self.restores.finish()
            self._recover()
        self._erase()
        for _ in range(2):
            self.people.report_disputes()
            self._check_after(DAY)
        if self.people.waits_for_approval():
            self.people.expire_all()
            self._check_after(DAY)
        # A dispute ends long after it began, so that the job that asks for new ones does not find its end.
        while self.people.decide():
            pass
        if self.people.next_check() is not None:
            self._check_after(REFUNDS_WATCHED)
        if self.people.next_check() is not None:
            raise ViolationError("the shop comes to rest", "a payment is checked again and again")

    def _erase(self) -> None:
        """Erase some orders long after everything about them has happened."""
        if self._erased_last:
            for order in self.people.records.purchases[self._erased_last :: 6]:
                self.people.erase(order)
            self._recover()

    def _check_after(self, time: int) -> None:
        """Let the banks decide, time pass, and the schedule check what is due."""
        while self.people.decide(disputes=False):
            pass
        self.shop.tasks.run()
        if self.people.next_check() is not None:
            self.shop.clock.now += time
            self.people.run_checks()
        self._recover()

    def _recover(self) -> None:
        """Work until nothing is left to do, with operators who redrive and republish."""
        shop = self.shop
        for _ in range(MAX_ROUNDS):
            shop.tasks.run()
            redrivable = [each for each in self._deployed if is_redrivable(each.dlq)]
            refused = [each for each in self._deployed if each.relay_dlq.letters]
            if not (redrivable or refused):
                return
            for each in redrivable:
                self.people.redrive(each)
            for each in refused:
                self.people.republish_refused(each)
            shop.clock.now += MINUTE
        names = [each.name for each in [*redrivable, *refused]]
        raise ViolationError("the shop comes to rest", f"{names} have dead letters again and again")
