"""What a pod asks for, by Kubernetes' rule, as sbatch options.

Source of the rule: Kubernetes, "Sidecar containers", resource sharing: the effective amount of a
pod is the larger of all app containers with all sidecars, and each init container with the
sidecars that were started before it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from slurm_plugin.config.settings import Flavor, PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.quantities import MEBIBYTE, quantity, site_memory_mib
from slurm_plugin.slurm.base import SbatchOption

_MOST_CPUS = 1_000_000
_KNOWN = frozenset({"cpu", "memory", "ephemeral-storage"})


@dataclass(frozen=True, slots=True)
class PodResources:
    """Amounts of a whole pod; None (or no key) where it asks for nothing.

    Attributes:
        cpus: whole CPUs.
        memory_mib: MiB.
        storage_mib: node-local storage, MiB.
        gpus: Kubernetes resource name to count, in the order of the config.
        ignored: names of resources that mean nothing here.
    """

    cpus: int | None
    memory_mib: int | None
    storage_mib: int | None
    gpus: Mapping[str, int]
    ignored: tuple[str, ...] = ()


def pod_resources(placed: Sequence[PlacedContainer], gpu_types: Mapping[str, str]) -> PodResources:
    """Add up a pod.

    Args:
        placed: all containers in starting order.
        gpu_types: Kubernetes resource names that are GPUs.

    Raises:
        InvalidRequest: an amount is not a quantity.
    """
    asked = {name for one in placed for name in _names(one)}
    cpus = math.ceil(_effective(placed, "cpu"))
    if cpus > _MOST_CPUS:
        raise InvalidRequest(f"spec.containers: {cpus} CPUs are more than any cluster has")
    gpus = {name: math.ceil(_effective(placed, name)) for name in gpu_types if name in asked}
    return PodResources(
        cpus=cpus or None,
        memory_mib=_mebibytes(_effective(placed, "memory")),
        storage_mib=_mebibytes(_effective(placed, "ephemeral-storage")),
        gpus={name: count for name, count in gpus.items() if count},
        ignored=tuple(sorted(asked - _KNOWN - set(gpu_types))),
    )


def pod_options(
    resources: PodResources, gpu_types: Mapping[str, str], *, gres_given: bool
) -> tuple[SbatchOption, ...]:
    """The options that follow from the pod itself.

    Args:
        resources: what the pod asks for.
        gpu_types: Kubernetes resource name to gres name (`gpu`, `gpu:a100`).
        gres_given: flavor or annotation speak of gres already, with a type perhaps.
    """
    options = []
    if resources.cpus:
        options.append(SbatchOption("cpus-per-task", str(resources.cpus)))
    if resources.memory_mib:
        options.append(SbatchOption("mem", f"{resources.memory_mib}M"))
    if resources.storage_mib:
        options.append(SbatchOption("tmp", f"{resources.storage_mib}M"))
    if resources.gpus and not gres_given:
        options.append(SbatchOption("gres", _gres(resources.gpus, gpu_types)))
    return tuple(options)


def default_options(settings: PodSettings, flavor: Flavor | None) -> tuple[SbatchOption, ...]:
    """The weakest options: the flavor's defaults, else the site's.

    Raises:
        InvalidRequest: the config's memory is not a size.
    """
    cpus = (flavor.cpu_default if flavor else 0) or settings.default_cpu
    memory = (flavor.memory_default if flavor else "") or settings.default_memory
    options = []
    if cpus:
        options.append(SbatchOption("cpus-per-task", str(cpus)))
    mebibytes = site_memory_mib(memory, "MemoryDefault in the plugin's config") if memory else 0
    if mebibytes:
        options.append(SbatchOption("mem", f"{mebibytes}M"))
    return tuple(options)


def _names(placed: PlacedContainer) -> set[str]:
    resources = placed.container.resources
    if resources is None:
        return set()
    return {*(resources.limits or {}), *(resources.requests or {})}


def _effective(placed: Sequence[PlacedContainer], name: str) -> Decimal:
    peak = sidecars = apps = Decimal(0)
    for one in placed:
        amount = _amount(one, name)
        if one.kind == "sidecar":
            sidecars += amount
        elif one.kind == "app":
            apps += amount
        else:
            peak = max(peak, sidecars + amount)
    return max(peak, sidecars + apps)


def _amount(placed: PlacedContainer, name: str) -> Decimal:
    resources = placed.container.resources
    if resources is None:
        return Decimal(0)
    for room, amounts in (("limits", resources.limits), ("requests", resources.requests)):
        value = (amounts or {}).get(name)
        if value is not None:
            return quantity(value, f"{placed.field}.resources.{room}.{name}")
    return Decimal(0)


def _mebibytes(size: Decimal) -> int | None:
    return math.ceil(size / MEBIBYTE) or None


def _gres(gpus: Mapping[str, int], gpu_types: Mapping[str, str]) -> str:
    counts: dict[str, int] = {}
    for name, count in gpus.items():
        counts[gpu_types[name]] = counts.get(gpu_types[name], 0) + count
    return ",".join(f"{name}:{count}" for name, count in counts.items())
