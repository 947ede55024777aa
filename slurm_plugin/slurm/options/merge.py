"""Layers of options made one, and options that only the plugin may set."""

from collections.abc import Collection, Iterable

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.base import SbatchOption
from slurm_plugin.slurm.options.grammar import check_known

_NODE_LISTS = frozenset({"exclude", "nodelist"})


def merge(*layers: Iterable[SbatchOption]) -> tuple[SbatchOption, ...]:
    """Join layers of options, weakest first, as the Go plugin does.

    A later option replaces an earlier one of the same name at the earlier one's place. It
    displaces options of *earlier layers* that SLURM does not take beside it (`--mem-per-cpu` in
    an annotation makes a flavor's `--mem` void); inside one layer SLURM judges contradictions.

    Args:
        layers: e.g. flavor, annotation, what follows from the pod.

    Returns:
        The options, at most one of each name.

    Raises:
        InvalidRequest: sbatch has no option of that name.
    """
    merged: dict[str, SbatchOption] = {}
    for layer in layers:
        incoming = tuple(layer)
        own = {option.name for option in incoming}
        for option in incoming:
            for displaced in check_known(option).conflicts:
                if displaced not in own:
                    merged.pop(displaced, None)
            merged[option.name] = option
    return tuple(merged.values())


def refuse_owned(options: Iterable[SbatchOption], denied: Collection[str], source: str) -> None:
    """Refuse options that would take the job out of the plugin's hands, or read its host's files.

    Args:
        options: from an annotation or a flavor.
        denied: further long names that the operator denies (`DeniedOptions`).
        source: where the options come from, for the message (`annotation slurm-job.vk.io/flags`).

    Raises:
        InvalidRequest: one of them may not be set; the message says which and why.
    """
    forbidden = frozenset(name.lstrip("-") for name in denied)
    for option in options:
        reason = _reason_against(option, forbidden)
        if reason:
            raise InvalidRequest(f"{source}: sbatch option --{option.name} can't be set: {reason}")


def _reason_against(option: SbatchOption, denied: frozenset[str]) -> str:
    row = check_known(option)
    if row.owned:
        return row.owned
    if not denied.isdisjoint((row.name, *row.aliases)):
        return "the operator denies it (DeniedOptions)"
    if row.name in _NODE_LISTS and "/" in (option.value or ""):
        return "sbatch takes a value with a slash for a file of the plugin's host"
    if (option.value or "").lower() in ("help", "list"):
        return "sbatch would print a list and submit nothing"
    return ""
