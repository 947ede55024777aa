"""Node, task and CPU counts as pyslurm must be told them to mean what sbatch means.

pyslurm fills what is not given with 1 node *at most*, 1 task, 1 CPU (`_set_defaults` and
`_parse_nodes` in submission.pyx of 25.11.2), so that `--ntasks=8` would never span nodes. sbatch
leaves them open (NO_VAL) and derives the rest (`_opt_verify` in src/sbatch/opt.c,
slurm_opt_create_job_desc in src/common/slurm_opt.c); the same is done here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from slurm_plugin.slurm.options import values

LAYOUT_OPTIONS: Final = frozenset(
    {
        "cores-per-socket",
        "cpus-per-task",
        "nodelist",
        "nodes",
        "ntasks",
        "ntasks-per-node",
        "sockets-per-node",
        "threads-per-core",
    }
)
"""Options that are translated together."""

# slurm.h: "not given", for 32-bit and 16-bit fields.
_NO_VAL: Final = 0xFFFFFFFE
_NO_VAL16: Final = 0xFFFE
_NODES: Final = re.compile(r"([1-9]\d{0,8})(?:-([1-9]\d{0,8}))?", re.ASCII)
# These multiply the number of tasks when only nodes are given; sbatch is left to do that.
_MULTIPLIERS: Final = ("cores-per-socket", "sockets-per-node", "threads-per-core")


@dataclass(frozen=True, slots=True)
class Translated:
    """Arguments for pyslurm, and the options that it cannot express."""

    arguments: Mapping[str, object] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts that were given; None where one was not."""

    min_nodes: int | None = None
    max_nodes: int | None = None
    tasks: int | None = None
    tasks_per_node: int | None = None
    cpus_per_task: int | None = None

    @property
    def exact_nodes(self) -> bool:
        """The number of nodes is not a range, as sbatch sees it."""
        return self.max_nodes in (None, self.min_nodes)


def layout_arguments(options: Mapping[str, str | None]) -> Translated:
    """Translate the layout options.

    Args:
        options: all options of the job by canonical name.

    Returns:
        Arguments for the counts, given or not; the layout options that pyslurm can't express.
    """
    unmapped = tuple(name for name in options if name in LAYOUT_OPTIONS and not _ok(name, options))
    if unmapped:
        return Translated(unmapped=unmapped)
    counts = _settle(_read(options))
    cpus = _job_cpus(counts)
    if cpus >= _NO_VAL16:
        return Translated(unmapped=("ntasks",))
    arguments: dict[str, object] = {
        "nodes": f"{_or_no_val(counts.min_nodes)}-{_or_no_val(counts.max_nodes)}",
        "ntasks": _or_no_val(counts.tasks),
        "cpus_per_task": counts.cpus_per_task or _NO_VAL16,
        "min_cpus_per_node": cpus,  # pyslurm's name for job_desc_msg_t.min_cpus
    }
    for name in ("ntasks-per-node", *_MULTIPLIERS, "nodelist"):
        if name in options:
            arguments |= _simple(name, options[name] or "")
    return Translated(arguments)


def _simple(name: str, value: str) -> dict[str, object]:
    if name == "nodelist":
        return {"required_nodes": value}
    return {name.replace("-", "_"): values.positive(value)}


def _ok(name: str, options: Mapping[str, str | None]) -> bool:
    value = options[name] or ""
    if name == "nodes":
        return _NODES.fullmatch(value) is not None
    if name == "nodelist":  # bracket lists need SLURM's own host list reader to be counted
        return value != "" and "[" not in value and "/" not in value
    if name in _MULTIPLIERS and "ntasks" not in options:
        return False
    return values.positive(value) is not None


def _read(options: Mapping[str, str | None]) -> _Counts:
    def number(name: str) -> int | None:
        return values.positive(options.get(name) or "")

    low, high = _nodes(options)
    return _Counts(low, high, number("ntasks"), number("ntasks-per-node"), number("cpus-per-task"))


def _nodes(options: Mapping[str, str | None]) -> tuple[int | None, int | None]:
    match = _NODES.fullmatch(options.get("nodes") or "")
    if match:
        return int(match[1]), int(match[2] or match[1])
    if "nodelist" in options:
        return len(set((options["nodelist"] or "").split(","))), None
    return None, None


def _settle(counts: _Counts) -> _Counts:
    """Fit nodes and tasks to each other as sbatch's "massage the numbers" does."""
    if counts.tasks is None:
        return counts
    low, high = counts.min_nodes, counts.max_nodes
    if low is not None:
        high = high and min(high, counts.tasks)
        if counts.tasks < low:
            low = high = counts.tasks
    elif counts.tasks_per_node:
        low = -(-counts.tasks // counts.tasks_per_node)
    return _Counts(low, high, counts.tasks, counts.tasks_per_node, counts.cpus_per_task)


def _job_cpus(counts: _Counts) -> int:
    tasks = counts.tasks or 1
    if counts.tasks is None and counts.exact_nodes:
        tasks = (counts.min_nodes or 1) * (counts.tasks_per_node or 1)
    return tasks * (counts.cpus_per_task or 1)


def _or_no_val(count: int | None) -> int:
    return _NO_VAL if count is None else count
