"""``plugin-state``: applies the changes that plugins ask for to what they remember.

Changes of one key lie in one partition, so one member applies them, in order, each once: the
value is stored with the position of the last change that is part of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import Admin, Record
from claimx_pipeline.errors import BrokerError, ClaimxError, DecodeError, HookFailedError
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.objects import stateful_plugins
from claimx_pipeline.plugins.state.changes import StateChange, read_change
from claimx_pipeline.plugins.state.compaction import Compaction
from claimx_pipeline.plugins.state.entries import NOTHING, Entry, StateKey, record_of
from claimx_pipeline.plugins.state.folding import Step
from claimx_pipeline.plugins.state.repetitions import Repetitions
from claimx_pipeline.plugins.state.view import StateView
from claimx_pipeline.runtime.outcome import DONE, Dead, Done, Held, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.stages.topic_log import TopicLog
from claimx_pipeline.topics import BRAND, PLUGIN_CHANGES, PLUGIN_CHANGES_DLQ, PLUGIN_STATES

log = logging.getLogger(__name__)

COMPACTION_SECONDS = 60.0
"""Between two looks at whether the topic of states has grown too long."""

REPEATED = Done(skipped="the change was published twice")
APPLIED = Done(skipped="the change is part of the value already")

Batch = Sequence[Received[StateChange]]


@define(eq=False)
class StateProcessor:
    """Applies changes; one batch after the other, since a value is made of those before it."""

    _resources: Resources
    _states: TopicLog = field(factory=lambda: TopicLog(PLUGIN_STATES), init=False)
    _view: StateView = field(factory=StateView, init=False)
    _working: dict[StateKey, Entry] = field(factory=dict, init=False)
    """Entries that were changed here, perhaps not published yet."""
    _held: dict[int, int] = field(factory=dict, init=False)
    """Partition to the first change that waits: those behind it must not overtake it."""
    _is_new: bool = field(default=True, init=False)
    _turn: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _admin: Admin = field(init=False)
    _repetitions: Repetitions = field(init=False)
    _compaction: asyncio.Task[None] | None = field(default=None, init=False)

    async def open(self) -> None:
        """Get ready, and keep the topic of states short from now on."""
        self._states.open(self._resources)
        self._admin = self._resources.broker.admin()
        topic = self._resources.topology.physical(PLUGIN_CHANGES.name)
        self._repetitions = Repetitions(topic, self._admin)
        self._compaction = asyncio.create_task(self._compact(), name="compaction of states")

    def decode(self, record: Record) -> StateChange:
        """Return the change in *record*.

        Raises:
            DecodeError: It is not a change, or of a plugin that keeps no state here.
        """
        change = read_change(record.value)
        if not self._resources.dispatcher.states.keeps(change.plugin):
            raise DecodeError(
                f"plugin {change.plugin[:60]!r} is not loaded here, or has no method "
                "'change_state'; install it, then replay the dead letter"
            )
        return change

    def assigned(self) -> None:
        """Read again what others have published; nothing is under way now."""
        self._is_new = True

    async def process(self, batch: Batch) -> Sequence[Outcome]:
        """Return what became of each change."""
        async with self._turn:
            try:
                await self._catch_up(batch)
            except BrokerError as error:
                outcomes: list[Outcome] = [Held(error)] * len(batch)
            else:
                outcomes = await self._applied(batch)
            for received, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, Held):
                    self._held.setdefault(received.record.partition, received.record.offset)
            return outcomes

    async def close(self) -> None:
        """Stop, and disconnect."""
        if self._compaction is not None:
            self._compaction.cancel()
            await asyncio.wait([self._compaction])
            await self._admin.close()
        await self._states.close()

    async def _catch_up(self, batch: Batch) -> None:
        if self._is_new:
            await self._read_states()
            self._working.clear()
            self._held.clear()
            self._repetitions.forget()
            self._is_new = False
        for partition, first in _firsts(batch).items():
            await self._repetitions.load(partition, first)

    async def _read_states(self) -> None:
        async for record in self._states.news():
            self._view.take(record)

    async def _applied(self, batch: Batch) -> list[Outcome]:
        for partition, first in _firsts(batch).items():
            if self._held.get(partition, -1) >= first:
                del self._held[partition]  # its turn has come
        found: dict[int, Outcome] = {}
        going: defaultdict[str, list[int]] = defaultdict(list)
        for number, received in enumerate(batch):
            record, change = received.record, received.message
            if record.partition in self._held:
                found[number] = Held()
            elif self._repetitions.is_one(record):
                found[number] = REPEATED
            elif self._entry((change.plugin, change.key)).has(record):
                found[number] = APPLIED
            else:
                going[change.plugin].append(number)
        for plugin, numbers in going.items():
            outcomes = await self._changed(plugin, [batch[number] for number in numbers])
            found.update(zip(numbers, outcomes, strict=True))
        return [found[number] for number in range(len(batch))]

    async def _changed(self, plugin: str, changes: Batch) -> list[Outcome]:
        """Return what became of *changes* of one plugin, in order."""
        steps = [
            Step(
                each.message.key, each.message.change, self._entry((plugin, each.message.key)).value
            )
            for each in changes
        ]
        try:
            values = await self._resources.dispatcher.states.apply(
                plugin, steps, self._keys(plugin)
            )
        except HookFailedError as error:
            # Later changes must not overtake these, so all wait until the plugin works.
            return [Held(error)] * len(changes)
        outcomes: list[Outcome] = []
        firsts: dict[StateKey, int] = {}
        for number, (received, value) in enumerate(zip(changes, values, strict=True)):
            if isinstance(value, Exception):
                outcomes.append(Dead(value))
                continue
            key = plugin, received.message.key
            self._working[key] = self._entry(key).changed(value, received.record)
            firsts.setdefault(key, number)
            outcomes.append(DONE)
        # Published with the first change that is part of it: if only some of them are committed,
        # the value says of the others that they are part of it already.
        for key, number in firsts.items():
            outcomes[number] = Done(publish=(record_of(key, self._working[key]),))
        return outcomes

    def _entry(self, key: StateKey) -> Entry:
        return self._working.get(key) or self._view.entry(key) or NOTHING

    def _keys(self, plugin: str) -> int:
        """Return how many keys *plugin* has."""
        known = self._view.plugins.get(plugin, {})
        added = sum(1 for name, key in self._working if name == plugin and key not in known)
        return len(known) + added

    async def _compact(self) -> None:
        topic = self._resources.topology.physical(PLUGIN_STATES.name)
        clock = self._resources.clock
        compaction = Compaction(topic, self._states, self._view, self._admin, clock)
        while True:
            await clock.sleep(COMPACTION_SECONDS)
            try:
                async with self._turn:
                    await self._read_states()
                    self._forget_known()
                    await compaction.run()
            except BrokerError as error:
                log.warning("the topic of states is not shortened now: %s", error)
            except Exception:
                log.exception("the topic of states is not shortened now")

    def _forget_known(self) -> None:
        """Drop what was changed here and has been read back: the view has it."""
        for key, entry in [*self._working.items()]:
            read = self._view.entry(key)
            if read is not None and read.order >= entry.order:
                del self._working[key]


def _firsts(batch: Batch) -> dict[int, int]:
    """Return the first offset of each partition in *batch*."""
    firsts: dict[int, int] = {}
    for received in batch:
        firsts.setdefault(received.record.partition, received.record.offset)
    return firsts


def worker(sets: Iterable[str]) -> WorkerSpec:
    """Return the worker, for the plugins of the domains called *sets*."""
    return WorkerSpec(
        name="plugin-state",
        summary="Applies the changes of what plugins remember, each once.",
        group=f"{BRAND}-plugin-state-worker",
        reads=(PLUGIN_CHANGES,),
        writes=(PLUGIN_STATES,),
        needs=("broker", "plugins"),
        dead_letters=PLUGIN_CHANGES_DLQ,
        calls=("change_state",),
        build=StateProcessor,
        batch_size=500,
        sets=frozenset(sets),
    )


def with_state_worker(
    declared: Mapping[str, WorkerSpec], plugins: PluginSet, domains: Iterable[str]
) -> dict[str, WorkerSpec]:
    """Return the *declared* workers, with the one for states if a plugin keeps some.

    Those that call plugins write its topic of changes then.

    Raises:
        ClaimxError: Another worker has its name.
    """
    found = dict(declared)
    if stateful := stateful_plugins(plugins):
        added = worker(domains)
        if added.name in found:
            raise ClaimxError(
                f"plugin {stateful[0]!r} keeps state, which worker {added.name!r} applies; give "
                "the other worker of this name another one"
            )
        for name, each in declared.items():
            if any(hook.startswith("claimx_") for hook in each.calls):
                found[name] = evolve(each, writes=(*each.writes, PLUGIN_CHANGES))
        found[added.name] = added
    return found
