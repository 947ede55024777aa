"""Which flavor a pod gets: its annotation's, one that fits its GPUs, the default, or none."""

import re
from collections.abc import Iterable, Sequence

from slurm_plugin.config.settings import Flavor, PodSettings
from slurm_plugin.pods.quoting import shown
from slurm_plugin.slurm.base import SbatchOption

_GPU_COUNT = re.compile(r"--(?:gres=gpu(?::[^:,=\s]+)?:|gpus=(?:[^:,=\s]+:)?)([0-9]+)")
_GRES_OPTION = re.compile(r"(?:^|\s)['\"]?(?:--gres(?:[=\s]|$)|--gpus|-G)")


def choose_flavor(
    settings: PodSettings, wanted: str | None, gpus: int
) -> tuple[Flavor | None, tuple[str, ...]]:
    """The flavor and notes about the choice; the order of the config decides between equals.

    Args:
        settings: flavors and the default's name.
        wanted: annotation `slurm-job.vk.io/flavor`.
        gpus: GPUs that the pod asks for.
    """
    notes: tuple[str, ...] = ()
    if wanted:
        if wanted in settings.flavors:
            return settings.flavors[wanted], ()
        notes = (f"annotation slurm-job.vk.io/flavor: {shown(wanted)} is no flavor here",)
    flavor = _for_gpus(settings, gpus) if gpus else None
    return flavor or settings.flavors.get(settings.default_flavor), notes


def speaks_of_gres(flags: Iterable[str]) -> bool:
    """Whether sbatch options (words or text) ask for GPUs or other generic resources."""
    return any(_GRES_OPTION.search(text) for text in flags)


def with_gpu_count(flavor: Flavor | None, gpus: int) -> SbatchOption | None:
    """The flavor's GPU option with the pod's own count; None where they agree or it has none.

    The kind of GPU is the flavor's to choose, the number is the pod's: a pod never gets fewer
    than it asks for.
    """
    for flag in flavor.slurm_flags if flavor else ():
        count = _GPU_COUNT.match(flag)
        if count is not None and int(count[1]) != gpus:
            option = f"{flag[: count.start(1)]}{gpus}{flag[count.end(1) :]}"
            name, _, value = option.removeprefix("--").partition("=")
            return SbatchOption(name, value)
    return None


def _for_gpus(settings: PodSettings, gpus: int) -> Flavor | None:
    about_gpus = [
        flavor
        for name, flavor in settings.flavors.items()
        if "gpu" in (flavor.name or name).lower() or _flags_name_gpu(flavor.slurm_flags)
    ]
    for flavor in about_gpus:
        count = _GPU_COUNT.search(" ".join(flavor.slurm_flags))
        if count is not None and int(count[1]) == gpus:
            return flavor
    return next((one for one in about_gpus if _flags_name_gpu(one.slurm_flags)), None)


def _flags_name_gpu(flags: Sequence[str]) -> bool:
    return any("gpu" in flag.lower() for flag in flags)
