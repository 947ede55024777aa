"""What SLURM says when it is asked."""

from collections.abc import Iterator

from slurm_plugin.config.settings import Settings
from slurm_plugin.doctor.finding import Finding, good, problem, warning
from slurm_plugin.errors import SlurmPluginError
from slurm_plugin.jobs.capacity import counted
from slurm_plugin.slurm.base import Backend


def controller(backend: Backend, reason: str, settings: Settings) -> Iterator[Finding]:
    """Whether SLURM answers, and by which backend."""
    try:
        info = backend.info()
    except SlurmPluginError as error:
        yield problem(
            f"SLURM does not answer by {backend.name}: {error}",
            "try `scontrol ping` as this user; look at SlurmConf, munge and the network",
        )
        return
    yield good(f"SLURM {info.slurm_release} answers by {backend.name} ({info.detail})")
    if settings.slurm.backend == "auto" and backend.name != "pyslurm":
        yield warning(
            f"pyslurm is not used: {reason}",
            "install the pyslurm of SLURM's release (README, Installing), or set "
            "`Backend: commands` to be content with the commands",
        )


def nodes(backend: Backend, settings: Settings) -> Iterator[Finding]:
    """Whether any node can take work."""
    try:
        known = backend.nodes()
    except SlurmPluginError as error:
        yield problem(f"SLURM does not tell its nodes: {error}", "try `sinfo` as this user")
        return
    usable = counted(known, settings.capacity)
    if not usable:
        yield problem(
            f"none of {len(known)} nodes can take work and counts",
            "look at `sinfo -R`, CapacityPartitions and ExcludedPartitions",
        )
    else:
        cpus = sum(node.cpus for node in usable)
        yield good(f"{len(usable)} of {len(known)} nodes count, with {cpus} CPUs")
