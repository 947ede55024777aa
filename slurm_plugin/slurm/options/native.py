"""Options as attributes of pyslurm's JobSubmitDescription.

Every row was checked against pyslurm 25.11.2 (core/job/submission.pyx). pyslurm has attributes
that it never sends or sends wrongly; such an option is *unmapped* here, and the job goes through
sbatch or is refused (`UnmappedOptions`): never dropped in silence. Among them:

- `gpus_per_node` is accepted and never sent: it becomes part of `gres_per_node`;
- `min_cpus_per_node` sets the CPUs of the whole job, not of a node (`_set_min_cpus`);
- `switches` raises NameError, `gpu_binding` lacks its `gres/gpu:`, `overcommit` sends a wrong CPU
  count, `cpu_frequency` refuses sbatch's `high`, `ntasks_per_gpu` refuses any node count;
- numbers as text end in a TypeError or another unit (`time_limit`, `delay_boot_time`, dates).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.base import SbatchOption
from slurm_plugin.slurm.options import values
from slurm_plugin.slurm.options.layout import LAYOUT_OPTIONS, Translated, layout_arguments

Transform = Callable[[str | None], object]
"""A value for the attribute, or None where pyslurm can't express it."""

_MAIL_TYPES: Final = frozenset(
    {
        "array_tasks",
        "begin",
        "end",
        "fail",
        "requeue",
        "stage_out",
        "time_limit",
        "time_limit_50",
        "time_limit_80",
        "time_limit_90",
    }
)
_PROFILES: Final = frozenset({"all", "energy", "lustre", "network", "none", "task"})


def _text(value: str | None) -> object:
    return value or None


def _flag(value: str | None) -> object:
    return True if value is None else None


def _number(value: str | None) -> object:
    return values.positive(value or "")


def _size(value: str | None) -> object:
    # pyslurm takes 0 for "not given" (u64), while `--mem=0` means all memory of the node.
    return values.mebibytes(value or "") or None


def _date(value: str | None) -> object:
    # pyslurm takes digits for an epoch time, sbatch for a clock time.
    return None if not value or value.isdigit() else value


def _delay(value: str | None) -> object:
    # sbatch counts minutes, pyslurm seconds (timestr_to_secs).
    return f"{value}:00" if value and value.isdigit() else value or None


def _pairs(value: str | None) -> object:
    return value if value and all("=" in item for item in value.split(",")) else None


def _gpus(value: str | None) -> object:
    counts = values.gpus(value or "")
    # A type with "gpu" in its name loses the prefix in from_gres_dict (cstr.pyx).
    doubtful = counts is None or any("gpu" in name.removeprefix("gpu") for name in counts)
    return None if doubtful else counts


def _one_of(choices: Mapping[str | None, object]) -> Transform:
    return lambda value: choices.get(value.lower() if value else value)


def _list_of(known: frozenset[str]) -> Transform:
    return lambda value: (
        value.lower() if value and known.issuperset(value.lower().split(",")) else None
    )


_NICE_DEFAULT: Final = 100


def _nice(value: str | None) -> object:
    if value is None:
        return _NICE_DEFAULT
    return int(value) if value.lstrip("-").isdigit() and value.isascii() else None


_ATTRIBUTES: Final[Mapping[str, tuple[str, Transform]]] = {
    "account": ("account", _text),
    "acctg-freq": ("accounting_gather_frequency", _pairs),
    "batch": ("batch_constraints", _text),
    "begin": ("begin_time", _date),
    "cluster-constraint": ("cluster_constraints", _text),
    "constraint": ("constraints", _text),
    "container": ("container", _text),
    "container-id": ("container_id", _text),
    "context": ("selinux_context", _text),
    "contiguous": ("requires_contiguous_nodes", _flag),
    "core-spec": ("cores_reserved_for_system", _number),
    "deadline": ("deadline", _date),
    "delay-boot": ("delay_boot_time", _delay),
    "dependency": ("dependencies", _text),
    "exclude": ("excluded_nodes", _text),
    "exclusive": ("resource_sharing", _one_of({None: "no", "user": "user", "mcs": "mcs"})),
    "extra": ("extra", _text),
    "get-user-env": ("get_user_environment", _flag),
    "gpus": ("gpus", _gpus),
    "gpus-per-socket": ("gpus_per_socket", _gpus),
    "gpus-per-task": ("gpus_per_task", _gpus),
    "hold": ("priority", lambda value: 0 if value is None else None),
    "kill-on-invalid-dep": ("kill_on_invalid_dependency", _one_of({"yes": True})),
    "licenses": ("licenses", _text),
    "mail-type": ("mail_types", _list_of(_MAIL_TYPES)),
    "mail-user": ("mail_user", _text),
    "mcs-label": ("mcs_label", _text),
    "mem": ("memory_per_node", _size),
    "mem-per-cpu": ("memory_per_cpu", _size),
    "mem-per-gpu": ("memory_per_gpu", _size),
    "network": ("network", _text),
    "nice": ("nice", _nice),
    "no-kill": ("kill_on_node_fail", _one_of({None: False, "set": False})),
    "no-requeue": ("is_requeueable", lambda value: False if value is None else None),
    "ntasks-per-core": ("ntasks_per_core", _number),
    "ntasks-per-socket": ("ntasks_per_socket", _number),
    "open-mode": (
        "log_files_open_mode",
        _one_of({"append": "append", "a": "append", "truncate": "truncate", "t": "truncate"}),
    ),
    "oversubscribe": ("resource_sharing", lambda value: "yes" if value is None else None),
    "partition": ("partitions", _text),
    "priority": ("priority", _number),
    "profile": ("profile_types", _list_of(_PROFILES)),
    "qos": ("qos", _text),
    "reboot": ("requires_node_reboot", _flag),
    "requeue": ("is_requeueable", _flag),
    "reservation": ("reservations", _text),
    "resv-ports": ("reserved_ports", _number),
    "segment": ("segment_size", _number),
    "signal": ("signal", lambda value: values.warn_signal(value or "")),
    "spread-job": ("spreads_over_nodes", _flag),
    "thread-spec": ("threads_reserved_for_system", _number),
    "time": ("time_limit", lambda value: values.minutes(value or "")),
    "time-min": ("time_limit_min", lambda value: values.minutes(value or "")),
    "tmp": ("temporary_disk_per_node", _size),
    "use-min-nodes": ("use_min_nodes", _flag),
    "wait-all-nodes": ("wait_all_nodes", _one_of({"0": False, "1": True})),
    "wckey": ("wckey", _text),
}

# Flags of --gres-flags and the attribute that carries each.
_GRES_FLAGS: Final = {
    "enforce-binding": "gres_binding",
    "disable-binding": "gres_binding",
    "one-task-per-sharing": "gres_tasks_per_sharing",
    "multiple-tasks-per-sharing": "gres_tasks_per_sharing",
}


def unmapped_options(options: Iterable[SbatchOption]) -> tuple[str, ...]:
    """Name the options that pyslurm cannot express with these values.

    Args:
        options: merged options, at most one of each.

    Returns:
        Canonical names; empty when the native path can submit the job.
    """
    return _translate(options)[1]


def native_arguments(options: Iterable[SbatchOption]) -> dict[str, object]:
    """Translate options into keyword arguments of pyslurm's JobSubmitDescription.

    Args:
        options: merged options, at most one of each.

    Returns:
        The arguments; node, task and CPU counts are always among them, since pyslurm's own
        defaults differ from sbatch's (see `layout`).

    Raises:
        InvalidRequest: pyslurm cannot express some of them; the message names them.
    """
    arguments, unmapped = _translate(options)
    if unmapped:
        names = ", ".join(f"--{name}" for name in unmapped)
        raise InvalidRequest(
            f"sbatch options {names} can't be sent through pyslurm: leave them out, "
            "or set UnmappedOptions to sbatch"
        )
    return arguments


def _translate(options: Iterable[SbatchOption]) -> tuple[dict[str, object], tuple[str, ...]]:
    by_name = {option.name: option.value for option in options}
    arguments: dict[str, object] = {}
    unmapped: list[str] = []
    for group in (_generic_resources(by_name), layout_arguments(by_name)):
        arguments.update(group.arguments)
        unmapped.extend(group.unmapped)
    for name, value in by_name.items():
        if name in LAYOUT_OPTIONS or name in ("gres", "gpus-per-node"):
            continue
        translated = _translate_one(name, value)
        arguments.update(translated)
        if not translated:
            unmapped.append(name)
    return arguments, tuple(unmapped)


def _generic_resources(options: Mapping[str, str | None]) -> Translated:
    counts: dict[str, int] = {}
    unmapped: list[str] = []
    for name, read in (("gpus-per-node", values.gpus), ("gres", values.gres)):
        if name not in options:
            continue
        found = read(options[name] or "")
        if found is None or not counts.keys().isdisjoint(found):
            unmapped.append(name)
        else:
            counts |= found
    return Translated({"gres_per_node": counts} if counts else {}, tuple(unmapped))


def _translate_one(name: str, value: str | None) -> dict[str, object]:
    if name == "gres-flags":
        flag = (value or "").lower()
        return {_GRES_FLAGS[flag]: flag} if flag in _GRES_FLAGS else {}
    if name not in _ATTRIBUTES:
        return {}
    attribute, transform = _ATTRIBUTES[name]
    translated = transform(value)
    return {} if translated is None else {attribute: translated}
