"""Asking EC2 for the machines of one launch, and writing down each one at once."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from enc.domain.model import Attempt, Launch, LaunchState, Market, Node
from enc.inventory import NotAllRecordedError, StoreError
from provisioner.calls import retry, retry_write
from provisioner.context import Context
from provisioner.domain import spot_fallback
from provisioner.domain.pool_answers import Tried
from provisioner.domain.pools import codes, left_out, told_by_pool
from provisioner.domain.spot_fallback import Ask, End, Progress, Turn, Wait
from provisioner.launching.lost_answers import looks, unrecorded
from provisioner.launching.order import Terms
from provisioner.launching.recording import came, record
from provisioner.ports.ec2 import (
    FleetAnswer,
    FleetInstance,
    FleetRequest,
    Pool,
    PoolRefusal,
)
from provisioner.ports.errors import CloudError, Trouble

# A repeat after a lost answer is worth this much time beyond the deadline: it only asks what was.
_REPEAT_SPAN = timedelta(seconds=5)


class Asking:
    """One launch's dialogue with EC2. ``nodes`` are recorded; ``left`` is what could not be.

    ``patience`` is how long one request is repeated while its trouble may pass; None: as long as
    the launch may go on.
    """

    def __init__(
        self, context: Context, launch: Launch, terms: Terms, patience: timedelta | None = None
    ) -> None:
        self._context, self._launch, self._terms = context, launch, terms
        self._course, self._offer = terms.course, terms.offer
        self._progress = spot_fallback.begin(terms.course)
        self._attempt, self._before = launch.asked, launch.got
        self._patience = patience
        self._shared = False
        unfit = [pool for attempt in launch.attempts for pool in attempt.unfit]
        self._tried = Tried(terms.offer, launch.region, unfit)
        self._lost_an_answer = False
        # What EC2 has been asked for and has not answered, in words: a second Ctrl-C leaves it so.
        self.unanswered = ""
        # Surplus that EC2 did not know when it was to end.
        self._unknown: frozenset[str] = frozenset()
        self.nodes: list[Node] = []
        self.left: list[str] = []
        self.error: CloudError | None = None

    def run(self) -> End:
        """Until there are enough, or it is over. Raises StoreError when nothing can be recorded."""
        while True:
            now = self._context.clock.now()
            step = spot_fallback.next_step(
                self._course, self._progress, now, self._context.jitter()
            )
            match step:
                case End():
                    if not self._lost_an_answer:
                        return step
                    self.settle(self._context.timeouts.patience)
                case Turn():
                    self._turn(step)
                case Wait():
                    self._wait(step)
                case Ask():
                    if closed := self._closed_by_others():
                        return closed
                    self._ask(step)

    def once(self, market: Market, reason: str) -> Progress:
        """A single request, for what is missing. Raises StoreError when it cannot be recorded.

        For a launch of which others have asked before, and may ask next.
        """
        self._progress = replace(self._progress, market=market)
        self._shared = True
        self._ask(Ask(market=market, count=self._course.want - self._got, reason=reason))
        self.settle(timedelta(0))
        return self._progress

    @property
    def _got(self) -> int:
        return self._before + len(self.nodes)

    def _closed_by_others(self) -> End | None:
        """A command that was asleep for longer than a dead launch is silent must not go on."""
        there = retry_write(
            self._context, lambda: self._context.inventory.launches.get(self._launch.id)
        )
        if there is not None and there.state is LaunchState.OPEN:
            return None
        why = "somebody else closed the launch meanwhile; it was taken for dead"
        state = LaunchState.PARTIAL if self.nodes else LaunchState.FAILED
        return End(state=state, reason=why)

    def _turn(self, turn: Turn) -> None:
        self._context.reporter.say(f"{turn.reason}: asking on-demand")
        self._progress = spot_fallback.turned(self._progress, turn)

    def _wait(self, wait: Wait) -> None:
        seconds = wait.span.total_seconds()
        got = f"{self._got} of {self._course.want}"
        self._context.reporter.status(f"{got}; {wait.reason}; asking again in {seconds:.0f} s")
        self._context.clock.sleep(seconds)
        self._progress = spot_fallback.waited(self._progress)
        self._tried.again()

    def _ask(self, ask: Ask) -> None:
        request, pools = self._request(ask)
        self._context.reporter.status(f"asking {ask.market} for {ask.count} ({ask.reason})")
        # EC2 has the machines from the moment it answers; until they are recorded, Ctrl-C waits.
        with self._context.shielded():
            self.unanswered = f"up to {ask.count} more machine(s)"
            answer = self._answer(request)
            got = self._record(answer.instances)
            self.unanswered = ""
            self._note(ask, pools, answer, got)
        if got:
            self._context.reporter.say(came(self._got, self._course.want, got, ask.market))

    def _request(self, ask: Ask) -> tuple[FleetRequest, tuple[Pool, ...]]:
        names, now = self._tried.names(ask.market), self._context.clock.now()
        droughts = self._context.inventory.droughts
        dry = retry_write(self._context, lambda: droughts.dry(names, now))
        pools = self._tried.following(ask.market, dry)
        self._attempt += 1
        request = FleetRequest(
            region=self._launch.region,
            token=f"{self._launch.id}-{self._attempt}",
            template=self._launch.template,
            market=ask.market,
            count=ask.count,
            overrides=self._offer.overrides(pools),
            max_price=self._terms.max_price,
            tags=self._terms.tags,
        )
        return request, pools

    def _answer(self, request: FleetRequest) -> FleetAnswer:
        """EC2's answer, however often it must be asked; what a lost answer made is found by tag."""
        lost: list[CloudError] = []

        def noticed(error: CloudError) -> None:
            if error.trouble is Trouble.UNKNOWN_OUTCOME:
                lost.append(error)

        until = self._until()
        create = self._context.cloud.create_fleet
        try:
            answer = retry(self._context, lambda: create(request), until, noticed=noticed)
        except CloudError as error:
            answer = FleetAnswer(refusals=(PoolRefusal.of(error, request.market),))
        return self._with_what_was_made(request, answer) if lost else answer

    def _until(self) -> datetime:
        if self._patience is not None:
            return self._context.clock.now() + self._patience
        phase = self._progress.fallback_until or self._course.deadline
        return max(phase, self._context.clock.now() + _REPEAT_SPAN)

    def _with_what_was_made(self, request: FleetRequest, answer: FleetAnswer) -> FleetAnswer:
        """The answer to a repeat need not name the machines of the first call: list them by tag."""
        self._lost_an_answer = True
        named = {instance.id: instance for instance in answer.instances}
        for _ in looks(self._context, answer):
            with suppress(CloudError):
                # Looked at again before the launch ends.
                named |= {i.id: i for i in self._unrecorded() if i.id not in named}
            if len(named) >= request.count:
                break
        return replace(answer, instances=tuple(self._without_surplus(list(named.values()))))

    def settle(self, patience: timedelta) -> None:
        """Where an answer was lost, no end without a last look, or a word of what may be there.

        What shows only now is ours up to the want; what is over it ends.
        """
        if not self._lost_an_answer:
            return
        self._lost_an_answer = False
        until = self._context.clock.now() + patience
        try:
            with self._context.shielded():
                made = retry(self._context, self._unrecorded, until)
                self._unknown = frozenset()
                self._record(self._without_surplus(made))
                self.left += [
                    f"over the want, and EC2 does not know it yet: {each}"
                    for each in sorted(self._unknown)
                ]
        except CloudError as error:
            missing = self._course.want - self._got
            self.left.append(
                f"perhaps {missing} machine(s) of a call that lost its answer: EC2 cannot be "
                f"listed now ({error})"
            )
        self._progress = replace(self._progress, got=self._got)

    def _unrecorded(self) -> list[FleetInstance]:
        known = {node.certname for node in self.nodes}
        found = unrecorded(self._context, self._launch, self._offer, known)
        return self._not_of_others(found) if self._shared else found

    def _not_of_others(self, found: list[FleetInstance]) -> list[FleetInstance]:
        """Earlier requests of this launch have made machines, too, and recorded them."""
        nodes, ids = self._context.inventory.nodes, [one.id for one in found]
        there = {node.certname for node in nodes.many(ids)} | nodes.ended(ids)
        return [one for one in found if one.id not in there]

    def _without_surplus(self, named: list[FleetInstance]) -> list[FleetInstance]:
        """Machines over the want were never told to anyone: they end at once."""
        room = self._course.want - self._got
        surplus = [instance.id for instance in named[room:]]
        if surplus:
            self._context.reporter.say(f"more than was wanted; terminating {', '.join(surplus)}")
            self._terminate(surplus)
        return named[:room]

    def _terminate(self, ids: list[str]) -> None:
        try:
            self._unknown = self._context.cloud.terminate(self._launch.region, ids)
        except CloudError as error:
            self.left.append(f"over the want and still running: {', '.join(ids)} ({error})")

    def _record(self, instances: Collection[FleetInstance]) -> list[Node]:
        if not instances:
            return []
        try:
            got = retry_write(
                self._context,
                lambda: record(self._context, self._terms.pattern, self._offer, instances),
            )
        except NotAllRecordedError as error:
            self.nodes += error.recorded
            self._leave(error.refused, error)
            raise
        except StoreError as error:
            self._leave([instance.id for instance in instances], error)
            raise
        self.nodes += got
        return got

    def _leave(self, ids: Collection[str], error: StoreError) -> None:
        self.left.append(f"launched and not recorded: {', '.join(ids)} ({error})")

    def _note(
        self, ask: Ask, pools: tuple[Pool, ...], answer: FleetAnswer, got: list[Node]
    ) -> None:
        """Write the attempt down, and what it teaches about the pools."""
        before = set(self._tried.unfit)
        dry = self._tried.heard(pools, answer)
        unfit = tuple(pool for pool in self._tried.unfit if pool not in before)
        now, jitter = self._context.clock.now(), self._context.jitter()
        droughts = self._context.inventory.droughts
        retry_write(self._context, lambda: droughts.note(dry, now, jitter))
        self._progress = self._progressed(ask, answer)
        attempt = Attempt(
            number=self._attempt,
            at=now,
            market=ask.market,
            wanted=ask.count,
            got=tuple(node.certname for node in got),
            answers=told_by_pool(answer, self._offer),
            hopeless=self._progress.hopeless,
            barred=self._progress.barred,
            unfit=unfit,
        )
        if unfit and not self._progress.barred:
            self._context.reporter.say(left_out(unfit, attempt.answers))
        event = self._context.event("asked EC2", role=self._launch.role, why=ask.reason)
        launches = self._context.inventory.launches
        retry_write(self._context, lambda: launches.record_attempt(self._launch.id, attempt, event))

    def _progressed(self, ask: Ask, answer: FleetAnswer) -> Progress:
        untried, final = self._tried.untried(ask.market), self._tried.final(ask.market, answer)
        if final:
            self.error = final.error("CreateFleet")
        return replace(
            self._progress,
            got=self._got,
            tries=self._progress.tries + (0 if untried else 1),
            untried=untried,
            hopeless=self._tried.hopeless(ask.market),
            barred=f"{final.code}: {final.message}" if final else "",
            refused=codes(answer) or self._progress.refused,
        )
