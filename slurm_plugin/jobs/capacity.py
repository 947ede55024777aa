"""What the ping tells Kubernetes: how big the cluster is (contract, section 4).

Capacity, not what is free: the Kubernetes scheduler subtracts the pods that it placed. The answer
never waits for SLURM, since one failed ping makes the virtual node NotReady.
"""

import logging
import threading
from collections.abc import Sequence

import msgspec

from slurm_plugin.config.settings import CapacitySettings, Taint
from slurm_plugin.errors import SlurmPluginError
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.slurm.base import Backend, NodeInfo

_log = logging.getLogger(__name__)

# Kubernetes' names of the accelerators that SLURM calls gpu; the type tells the maker when it can.
_GPU = "nvidia.com/gpu"
_PODS = "10000"


class Accelerator(msgspec.Struct, frozen=True, rename="camel"):
    """One kind of accelerator; the count is text, as all values of the ping."""

    resource_type: str
    available: str


class PingResources(msgspec.Struct, frozen=True):
    """Quantities as text: one number instead and the client ignores the whole answer."""

    cpu: str
    memory: str
    pods: str
    accelerators: list[Accelerator]


class PingTaint(msgspec.Struct, frozen=True):
    """A taint of the virtual node."""

    key: str
    value: str
    effect: str


class Ping(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answer to a status request with an empty list."""

    status: str
    resources: PingResources | None = None
    taints: list[PingTaint] | None = None


class Capacity:
    """The last known size of the cluster, renewed in the background."""

    def __init__(self, backend: Backend, settings: CapacitySettings, clock: Clock) -> None:
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._guard = threading.Lock()
        self._resources: PingResources | None = None
        self._wanted = False
        self._next = float("-inf")

    def ping(self) -> Ping:
        """The answer, from memory."""
        with self._guard:
            self._wanted = True
            taints = [_taint(taint) for taint in self._settings.taints]
            return Ping("ok", self._resources, taints or None)

    def refresh(self) -> None:
        """Ask for the nodes when somebody pinged and the last answer is old."""
        with self._guard:
            if not self._wanted or self._clock.monotonic() < self._next:
                return
            self._wanted = False
            self._next = self._clock.monotonic() + self._settings.capacity_refresh_seconds
        try:
            nodes = self._backend.nodes()
        except SlurmPluginError as error:
            _log.warning("nodes can't be asked, the last numbers stand: %s", error)
            return
        with self._guard:
            self._resources = total(nodes, self._resources)


def total(nodes: Sequence[NodeInfo], before: PingResources | None) -> PingResources:
    """Sum over the nodes that can take work.

    Accelerators that were there before and are gone are sent as "0": the client keeps what is no
    longer listed (contract, section 4).
    """
    usable = [node for node in nodes if node.usable]
    gpus = {_GPU: sum(_gpus(node) for node in usable)}
    gone = {a.resource_type: 0 for a in before.accelerators} if before else {}
    counts = {**gone, **{name: count for name, count in gpus.items() if count}}
    return PingResources(
        cpu=str(sum(node.cpus for node in usable)),
        memory=f"{sum(node.memory_mib for node in usable)}Mi",
        pods=_PODS,
        accelerators=[Accelerator(name, str(count)) for name, count in counts.items()],
    )


def _gpus(node: NodeInfo) -> int:
    return sum(count for name, count in node.gres.items() if name.split(":")[0] == "gpu")


def _taint(taint: Taint) -> PingTaint:
    return PingTaint(taint.key, taint.value, taint.effect)
