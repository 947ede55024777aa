"""What the ping tells Kubernetes: how big the cluster is (contract, section 4).

Capacity, not what is free: the Kubernetes scheduler subtracts the pods that it placed. The answer
never waits for SLURM, since one failed ping makes the virtual node NotReady.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from slurm_plugin.config.settings import CapacitySettings
from slurm_plugin.errors import BackendUnavailable, SlurmPluginError
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.jobs.ping import Accelerator, Ping, PingResources, PingTaint
from slurm_plugin.jobs.resource_script import run_resource_script
from slurm_plugin.slurm.base import Backend, NodeInfo

_log = logging.getLogger(__name__)

# After a failure the nodes are asked for sooner, so that a taint is soon gone.
_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CapacityFigures:
    """For metrics; seconds.

    Attributes:
        age: since the numbers were asked for; None before the first.
        away: whether the last question was not answered.
    """

    age: float | None
    away: bool


class Capacity:
    """The last known size of the cluster, renewed in the background."""

    def __init__(self, backend: Backend, settings: CapacitySettings, clock: Clock) -> None:
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._guard = threading.Lock()
        self._known = Ping("ok")
        self._gone: frozenset[str] = frozenset()
        self._wanted = False
        self._next = float("-inf")
        self._asked: float | None = None
        self._away_since: float | None = None

    def ping(self) -> Ping:
        """The answer, from memory.

        Raises:
            BackendUnavailable: SLURM has been away for PingFailAfterSeconds.
        """
        with self._guard:
            self._wanted = True
            away = self._away_since is not None
            self._check_patience()
            taints = self._taints(away=away)
            return Ping(self._known.status, self._known.resources, taints)

    def figures(self) -> CapacityFigures:
        """Age of the numbers."""
        with self._guard:
            age = None if self._asked is None else self._clock.monotonic() - self._asked
            return CapacityFigures(age, self._away_since is not None)

    def refresh(self) -> None:
        """Ask when somebody pinged and the last answer is old."""
        now = self._clock.monotonic()
        with self._guard:
            if not self._wanted or now < self._next:
                return
            self._wanted = False
            self._next = now + self._settings.capacity_refresh_seconds
        try:
            self._settle(now, self._ask())
        except SlurmPluginError as error:
            _log.warning("nodes can't be asked, the last numbers stand: %s", error)
            self._fail(now)

    def _ask(self) -> Ping:
        path = self._settings.resource_script_path
        if path:
            try:
                seconds = self._settings.resource_script_timeout_seconds
                return run_resource_script(path, seconds)
            except SlurmPluginError as error:
                _log.error("ResourceScriptPath is of no use, SLURM is asked: %s", error)
        return Ping("ok", total(self._backend.nodes(), self._settings))

    def _settle(self, asked: float, answer: Ping) -> None:
        """Keep the answer; what was listed before and no longer is, is listed as "0".

        The client keeps accelerators that are no longer listed (contract, section 4).
        """
        with self._guard:
            listed = {one.resource_type for one in _accelerators(answer)}
            before = {one.resource_type for one in _accelerators(self._known)}
            self._gone = (self._gone | before) - listed
            if answer.resources is not None and self._gone:
                missing = [Accelerator(name, "0") for name in sorted(self._gone)]
                accelerators = [*(answer.resources.accelerators or []), *missing]
                resources = msgspec.structs.replace(answer.resources, accelerators=accelerators)
                answer = Ping(answer.status, resources, answer.taints)
            self._known = answer
            self._asked = asked
            self._away_since = None

    def _fail(self, now: float) -> None:
        with self._guard:
            self._next = min(self._next, now + _RETRY_SECONDS)
            if self._away_since is None:
                self._away_since = now

    def _check_patience(self) -> None:
        patience = self._settings.ping_fail_after_seconds
        if not patience or self._away_since is None:
            return
        away = self._clock.monotonic() - self._away_since
        if away >= patience:
            raise BackendUnavailable(
                f"SLURM has not answered for {away:.0f} s (PingFailAfterSeconds)"
            )

    def _taints(self, *, away: bool) -> list[PingTaint] | None:
        """Those of the config, over the script's; None leaves the node's own alone."""
        settings = self._settings
        taints = [PingTaint(one.key, one.value, one.effect) for one in settings.taints]
        taints = taints or list(self._known.taints or [])
        if away and settings.slurm_away_taint:
            taints.append(PingTaint(settings.slurm_away_taint, "true", "NoSchedule"))
        listed = taints or settings.slurm_away_taint or self._known.taints is not None
        return taints if listed else None


def total(nodes: Sequence[NodeInfo], settings: CapacitySettings) -> PingResources:
    """Sum over the nodes that count."""
    counting = counted(nodes, settings)
    free = settings.capacity == "free"
    cpus = sum(n.cpus - (n.cpus_allocated if free else 0) for n in counting)
    memory = sum(n.memory_mib - (n.memory_mib_allocated if free else 0) for n in counting)
    accelerators: dict[str, int] = {}
    for node in counting:
        for gres, count in node.gres.items():
            name = resource_type(gres, settings.accelerator_types)
            if name:
                accelerators[name] = accelerators.get(name, 0) + count
    return PingResources(
        cpu=str(max(cpus, 0)),
        memory=f"{max(memory, 0)}Mi",
        pods=str(settings.max_pods),
        accelerators=[Accelerator(n, str(c)) for n, c in sorted(accelerators.items()) if c],
    )


def counted(nodes: Sequence[NodeInfo], settings: CapacitySettings) -> list[NodeInfo]:
    """Nodes that can take work and are in a partition that counts."""
    return [node for node in nodes if node.usable and _is_inside(node, settings)]


def resource_type(gres: str, types: Mapping[str, str]) -> str:
    """Kubernetes' name of a gres (`gpu`, `gpu:a100`); empty when it means nothing there.

    The longest pattern that fits the name and type wins, else the longest that fits the name.
    """
    for name in (gres, gres.partition(":")[0]):
        fitting = [pattern for pattern in types if fnmatchcase(name, pattern)]
        if fitting:
            return types[max(fitting, key=len)]
    return ""


def _is_inside(node: NodeInfo, settings: CapacitySettings) -> bool:
    partitions = frozenset(node.partitions) - frozenset(settings.excluded_partitions)
    if settings.capacity_partitions:
        partitions &= frozenset(settings.capacity_partitions)
    return bool(partitions) or not (settings.capacity_partitions or settings.excluded_partitions)


def _accelerators(ping: Ping) -> list[Accelerator]:
    return (ping.resources.accelerators if ping.resources else None) or []
