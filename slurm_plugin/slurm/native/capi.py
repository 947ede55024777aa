"""The only importer of pyslurm. Runs in worker processes; gives and takes plain data.

Every RPC of libslurm holds the GIL, and `fatal()` in libslurm exits the process (no exception):
hence the processes. What is known of pyslurm 25.11.2 and worked around here:

- `Job.cancel` and `Job.send_signal` read a stale errno: what they raise is checked by a query;
- `JobSubmitDescription` without an environment would export the worker's own;
- `Job.state` shows a flag instead of the base state.
"""

import functools
import importlib
import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from slurm_plugin.errors import (
    BackendUnavailable,
    InvalidRequest,
    SlurmPluginError,
)
from slurm_plugin.slurm.base import JobInfo, JobSpec, NodeInfo
from slurm_plugin.slurm.native import errno_meaning
from slurm_plugin.slurm.node_states import is_usable
from slurm_plugin.slurm.options import native_arguments
from slurm_plugin.slurm.states import JobFlag, JobState, parse_state

# Up to here jobs are asked for one by one; Jobs.load is always the whole queue with details.
_FEW_JOBS: Final = 2


def begin(stderr_path: str, slurm_conf: str) -> None:
    """Prepare a worker: libslurm's last words go to a file, SLURM_CONF is set.

    pyslurm itself is loaded by the first call, since it may end the process.
    """
    descriptor = os.open(stderr_path, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    os.environ["PYSLURM_DISABLE_AUTO_INIT"] = "1"
    if slurm_conf:
        os.environ["SLURM_CONF"] = slurm_conf


@functools.cache
def _pyslurm() -> Any:
    module = importlib.import_module("pyslurm")
    module.slurm_init()
    return module


def _failure(error: Exception, *, changes: bool = False) -> SlurmPluginError:
    number = getattr(error, "errno", None)
    return errno_meaning.error_for(number, str(error), changes=changes)


def _rpc_error() -> type[Exception]:
    kind: type[Exception] = _pyslurm().RPCError
    return kind


def release() -> str:
    """Pyslurm's own release; raises ImportError where there is none."""
    return str(importlib.import_module("pyslurm").__version__)


def controller_release() -> str:
    """Slurmctld's release, asked from slurmctld."""
    try:
        return str(_pyslurm().slurmctld.Config.load().version)
    except _rpc_error() as error:
        raise _failure(error) from None


def submit(spec: JobSpec) -> int:
    """Submit a job; returns its id."""
    pyslurm = _pyslurm()
    arguments = {
        **native_arguments(spec.options),
        "name": spec.name,
        "comment": spec.comment,
        "script": spec.script,
        "standard_output": spec.output.replace("%", "%%"),
        "standard_in": "/dev/null",
        "working_directory": spec.work_dir,
        "environment": _environment(spec),
        "user_id": os.getuid() if spec.uid is None else spec.uid,
        "group_id": os.getgid() if spec.gid is None else spec.gid,
    }
    try:
        return int(pyslurm.JobSubmitDescription(**arguments).submit())
    except _rpc_error() as error:
        raise _failure(error, changes=True) from None
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRequest(f"pyslurm can't send this job: {error}") from None


def _environment(spec: JobSpec) -> dict[str, str]:
    # sbatch adds these two itself (sbatch(1), OUTPUT ENVIRONMENT VARIABLES).
    return {
        "SLURM_SUBMIT_DIR": spec.work_dir,
        "SLURM_SUBMIT_HOST": socket.gethostname(),
        **spec.environment,
    }


def query(job_ids: Collection[int]) -> dict[int, JobInfo]:
    """State of these jobs."""
    if len(job_ids) <= _FEW_JOBS:
        found = (lookup(job_id) for job_id in job_ids)
        return {job.job_id: _bare(job) for job in found if job is not None}
    queue = _queue()
    return {job_id: _job(queue[job_id]) for job_id in job_ids if job_id in queue}


def _bare(job: JobInfo) -> JobInfo:
    return _replaced(job, name="", comment="")


def _replaced(job: JobInfo, **changes: Any) -> JobInfo:
    fields = {name: getattr(job, name) for name in JobInfo.__slots__}
    return JobInfo(**{**fields, **changes})


def _queue() -> Mapping[int, Any]:
    try:
        jobs: Mapping[int, Any] = _pyslurm().Jobs.load()
    except _rpc_error() as error:
        raise _failure(error) from None
    return jobs


def lookup(job_id: int) -> JobInfo | None:
    """One job with name and comment; None when slurmctld does not know it."""
    try:
        job = _pyslurm().Job.load(job_id)
    except _rpc_error() as error:
        if getattr(error, "errno", None) == errno_meaning.INVALID_JOB_ID:
            return None
        raise _failure(error) from None
    return _named(job)


def find(name: str) -> list[JobInfo]:
    """Jobs of this name, oldest first."""
    return _sorted(_named(job) for job in _queue().values() if job.name == name)


def marked(prefix: str) -> list[JobInfo]:
    """Jobs whose comment begins so, oldest first."""
    jobs = _queue().values()
    return _sorted(_named(job) for job in jobs if (job.comment or "").startswith(prefix))


def _sorted(jobs: Iterable[JobInfo]) -> list[JobInfo]:
    return sorted(jobs, key=lambda job: job.job_id)


def _named(job: Any) -> JobInfo:
    return _replaced(_job(job), name=job.name or "", comment=job.comment or "")


def _job(job: Any) -> JobInfo:
    state, flags = parse_state(job.state)
    limit = job.time_limit
    reason = job.state_reason or ""
    return JobInfo(
        job_id=int(job.id),
        state=state,
        flags=flags,
        reason="" if reason == "None" else str(reason),
        exit_code=_number(job.exit_code) & 0xFF,
        signal=_number(job.exit_code_signal) & 0x7F,
        submit_time=_epoch(job.submit_time),
        start_time=_epoch(job.start_time),
        # Before the end, SLURM shows when the time limit would end the job.
        end_time=_epoch(job.end_time) if state.is_terminal else None,
        nodes=job.allocated_nodes or "",
        restarts=_number(job.requeue_count),
        time_limit=limit if isinstance(limit, int) else None,
        user_id=job.user_id,
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _epoch(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def signal(job_ids: Sequence[int], number: int) -> None:
    """Send a signal to the batch scripts of running jobs."""
    for job_id, job in query(job_ids).items():
        if job.state is JobState.RUNNING and JobFlag.COMPLETING not in job.flags:
            _told(lambda one: one.send_signal(number, steps="batch"), job_id)


def cancel(job_ids: Sequence[int]) -> None:
    """Cancel jobs; raises where one is still there and was not told."""
    doubts = {job_id: _told(lambda one: one.cancel(), job_id) for job_id in job_ids}
    doubtful = [job_id for job_id, error in doubts.items() if error is not None]
    for job_id, job in query(doubtful).items():
        error = doubts[job_id]
        if error is not None and not job.state.is_terminal and JobFlag.COMPLETING not in job.flags:
            raise _failure(error, changes=True)


def _told(act: Any, job_id: int) -> Exception | None:
    try:
        act(_pyslurm().Job(job_id))
    except _rpc_error() as error:
        if isinstance(_failure(error), BackendUnavailable):
            raise _failure(error, changes=True) from None
        return error
    return None


def nodes() -> list[NodeInfo]:
    """All nodes."""
    try:
        loaded = _pyslurm().Nodes.load()
    except _rpc_error() as error:
        raise _failure(error) from None
    return sorted((_node(node) for node in loaded.values()), key=lambda node: node.name)


def _node(node: Any) -> NodeInfo:
    return NodeInfo(
        name=node.name,
        cpus=_number(node.total_cpus),
        memory_mib=_number(node.real_memory),
        cpus_allocated=_number(node.allocated_cpus),
        memory_mib_allocated=_number(node.allocated_memory),
        usable=is_usable(node.state or ""),
        state=node.state or "",
        partitions=tuple(node.partitions or ()),
        gres={name: int(count) for name, count in (node.configured_gres or {}).items()},
    )


def history(job_ids: Sequence[int], since: int, until: int) -> dict[int, JobInfo]:
    """What slurmdbd knows of these jobs; always by id and with a window."""
    database = _pyslurm().db
    wanted = database.JobFilter(ids=list(job_ids), start_time=since, end_time=until)
    try:
        loaded = database.Jobs.load(wanted)
    except _rpc_error() as error:
        raise _failure(error) from None
    return {int(job.id): _archived(job) for job in loaded.values()}


def _archived(job: Any) -> JobInfo:
    state, flags = parse_state(job.state)
    nodes = job.nodelist or ""
    return JobInfo(
        job_id=int(job.id),
        state=state,
        flags=flags,
        exit_code=_number(job.exit_code) & 0xFF,
        signal=_number(job.exit_code_signal) & 0x7F,
        submit_time=_epoch(job.submit_time),
        start_time=_epoch(job.start_time),
        end_time=_epoch(job.end_time),
        nodes="" if nodes == "None assigned" else nodes,
        restarts=_number(job.requeue_count),
        time_limit=job.time_limit if isinstance(job.time_limit, int) else None,
        user_id=job.user_id if isinstance(job.user_id, int) else None,
    )


def last_words(stderr_path: str) -> str:
    """What libslurm wrote before it ended a worker, on one line; empties the file.

    Called by the service's own process, which never loads pyslurm.
    """
    path = Path(stderr_path)
    try:
        text = path.read_text(errors="replace")
        os.truncate(path, 0)
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if "fatal" in line]
    return (fatal or lines or [""])[-1][-300:]
