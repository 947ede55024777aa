"""sinfo: the nodes."""

import re
from collections.abc import Sequence
from typing import Final

from slurm_plugin.slurm.base import NodeInfo
from slurm_plugin.slurm.commands import fields
from slurm_plugin.slurm.commands.failures import failure
from slurm_plugin.slurm.commands.process import Completed
from slurm_plugin.slurm.node_states import is_usable

_COLUMNS: Final = ("NodeList", "CPUsState", "Memory", "AllocMem", "StateComplete", "Gres")
_GRES_ITEM: Final = re.compile(
    r"(?P<name>\w+(?::[A-Za-z][\w.-]*)?):(?P<count>\d+)(?P<unit>[KMGT]?)"
)
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def sinfo_argv(sinfo: Sequence[str]) -> list[str]:
    """Build the query of all nodes, one line for each node and partition."""
    columns = (*_COLUMNS, "PartitionName")
    form = ",".join(f"{column}:{fields.SEPARATOR}" for column in columns)
    return [*sinfo, "--noheader", "--all", "--Node", "-O", form]


def parse_sinfo(completed: Completed) -> list[NodeInfo]:
    """Read the nodes; each stands once with all its partitions.

    Raises:
        BackendUnavailable: SLURM did not answer.
        UnexpectedAnswer: another failure.
    """
    if completed.returncode != 0:
        raise failure(completed)
    columns: dict[str, list[str]] = {}
    partitions: dict[str, list[str]] = {}
    for line in completed.stdout.splitlines():
        row = line.split(fields.SEPARATOR)
        if len(row) != len(_COLUMNS) + 2:
            continue
        columns[row[0]] = row
        partitions.setdefault(row[0], []).append(row[len(_COLUMNS)])
    return [_node(row, partitions[name]) for name, row in columns.items()]


def _node(row: Sequence[str], partitions: Sequence[str]) -> NodeInfo:
    name, cpus, memory, memory_allocated, state, gres = row[: len(_COLUMNS)]
    # allocated/idle/other/total
    counts = [fields.number(count) or 0 for count in cpus.split("/")]
    return NodeInfo(
        name=name,
        cpus=counts[-1],
        memory_mib=fields.number(memory) or 0,
        cpus_allocated=counts[0],
        memory_mib_allocated=fields.number(memory_allocated) or 0,
        usable=is_usable(state),
        state=state,
        partitions=tuple(partitions),
        gres=parse_gres(gres),
    )


def parse_gres(value: str) -> dict[str, int]:
    """Totals of `gpu:a100:2(S:0-1),shard:8`: `{"gpu:a100": 2, "shard": 8}`."""
    totals: dict[str, int] = {}
    for match in _GRES_ITEM.finditer(re.sub(r"\([^)]*\)", "", fields.text(value))):
        count = int(match["count"]) * _UNITS[match["unit"]]
        totals[match["name"]] = totals.get(match["name"], 0) + count
    return totals
