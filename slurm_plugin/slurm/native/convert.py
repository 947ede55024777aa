"""pyslurm's objects as the plugin's own data; what is odd in them is evened out here.

pyslurm decodes text strictly, and any user can give a job a name that is no UTF-8: such text
reads as empty, so that nobody's job can break the plugin's queries.
"""

from dataclasses import replace
from typing import Any

from slurm_plugin.slurm.base import JobInfo, NodeInfo
from slurm_plugin.slurm.node_states import is_usable
from slurm_plugin.slurm.states import parse_state


def text(thing: Any, attribute: str) -> str:
    """One text of a job or node; empty for none and for what is no UTF-8."""
    try:
        return str(getattr(thing, attribute) or "")
    except UnicodeDecodeError:
        return ""


def job(queued: Any) -> JobInfo:
    """A job of the queue (pyslurm.Job), without name and comment."""
    state, flags = parse_state(text(queued, "state"))
    reason = text(queued, "state_reason")
    return JobInfo(
        job_id=int(queued.id),
        state=state,
        flags=flags,
        reason="" if reason == "None" else reason,
        exit_code=_number(queued.exit_code) & 0xFF,
        signal=_number(queued.exit_code_signal) & 0x7F,
        submit_time=_epoch(queued.submit_time),
        start_time=_epoch(queued.start_time),
        # Before the end, SLURM shows when the time limit would end the job.
        end_time=_epoch(queued.end_time) if state.is_terminal else None,
        nodes=text(queued, "allocated_nodes"),
        restarts=_number(queued.requeue_count),
        time_limit=_minutes(queued.time_limit),
        user_id=queued.user_id,
    )


def named_job(queued: Any) -> JobInfo:
    """A job of the queue with name and comment."""
    return replace(job(queued), name=text(queued, "name"), comment=text(queued, "comment"))


def archived_job(archived: Any) -> JobInfo:
    """A job of the accounting (pyslurm.db.Job)."""
    state, flags = parse_state(text(archived, "state"))
    nodes = text(archived, "nodelist")
    return JobInfo(
        job_id=int(archived.id),
        state=state,
        flags=flags,
        exit_code=_number(archived.exit_code) & 0xFF,
        signal=_number(archived.exit_code_signal) & 0x7F,
        submit_time=_epoch(archived.submit_time),
        start_time=_epoch(archived.start_time),
        end_time=_epoch(archived.end_time),
        nodes="" if nodes == "None assigned" else nodes,
        restarts=_number(archived.requeue_count),
        time_limit=_minutes(archived.time_limit),
        user_id=archived.user_id if isinstance(archived.user_id, int) else None,
    )


def node(known: Any) -> NodeInfo:
    """A node (pyslurm.Node)."""
    return NodeInfo(
        name=known.name,
        # Without the cores that slurm.conf keeps for the system, where any are.
        cpus=_number(known.effective_cpus) or _number(known.total_cpus),
        memory_mib=_number(known.real_memory),
        cpus_allocated=_number(known.allocated_cpus),
        memory_mib_allocated=_number(known.allocated_memory),
        usable=is_usable(text(known, "state")),
        state=text(known, "state"),
        partitions=tuple(known.partitions or ()),
        gres=_gres(known),
    )


def _gres(known: Any) -> dict[str, int]:
    try:
        return {name: int(count) for name, count in (known.configured_gres or {}).items()}
    except ValueError:  # pyslurm can't read counts like 4K; the other nodes are still told of
        return {}


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _epoch(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _minutes(value: Any) -> int | None:
    return value if isinstance(value, int) else None
