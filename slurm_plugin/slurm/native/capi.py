"""The only importer of pyslurm. Runs in worker processes; gives and takes plain data.

Every RPC of libslurm holds the GIL, and `fatal()` in libslurm exits the process (no exception):
hence the processes. What is known of pyslurm 25.11.2 and worked around here:

- `Job.cancel` and `Job.send_signal` may raise a stale errno: a query tells what is so;
- `JobSubmitDescription` adds every `SLURM_*` variable of the process (SLURM_JWT is a secret), and
  without an environment all the others, too;
- without accounting `pyslurm.db` fails as it does when slurmdbd is away.
"""

import contextlib
import functools
import importlib
import os
import signal as signals
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from slurm_plugin.errors import BackendUnavailable, InvalidRequest, SlurmPluginError
from slurm_plugin.slurm.base import JobInfo, JobSpec, NodeInfo
from slurm_plugin.slurm.native import convert, errno_meaning, fast_query
from slurm_plugin.slurm.native.rows import Row, job_of
from slurm_plugin.slurm.options import native_arguments
from slurm_plugin.slurm.states import JobFlag, JobState

T = TypeVar("T")

_STDERR: Final = 2
_LONGEST_WORDS: Final = 300


def begin(stderr_path: str, slurm_conf: str) -> None:
    """Prepare a worker: libslurm's last words go to a file, SLURM_CONF is set.

    pyslurm itself is loaded by the first call, since it may end the process.
    """
    descriptor = os.open(stderr_path, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, _STDERR)
    os.close(descriptor)
    # pebble's handler would run only when libslurm gives the GIL back.
    signals.signal(signals.SIGTERM, signals.SIG_DFL)
    os.environ["PYSLURM_DISABLE_AUTO_INIT"] = "1"
    if slurm_conf:
        os.environ["SLURM_CONF"] = slurm_conf


def carry_out(deadline: float, function: Callable[..., T], *args: object) -> T:
    """Carry out one call in a worker; the words kept on file are this call's only.

    Args:
        deadline: monotonic time, which all processes of a host share. Calls wait in the worker's
            pipe, out of reach of a cancellation: a job submitted after its caller gave up and
            looked for it in vain would be there twice.
        function: what to call.
        *args: its arguments.
    """
    if time.monotonic() >= deadline:
        raise BackendUnavailable("the call was given up before its turn came")
    os.ftruncate(_STDERR, 0)
    return function(*args)


def last_words(stderr_path: str) -> str:
    """What libslurm wrote during the worker's last call, its most telling line.

    Called by the service's own process, which never loads pyslurm.
    """
    try:
        text = Path(stderr_path).read_text(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    fatal = [line for line in lines if "fatal" in line]
    return (fatal or lines or [""])[-1][-_LONGEST_WORDS:]


@functools.cache
def _pyslurm() -> Any:
    module = importlib.import_module("pyslurm")
    module.slurm_init()
    submission: Any = importlib.import_module("pyslurm.core.job.submission")
    submission.pyenviron = {}  # what it copies SLURM_* from into each job's environment
    return module


@contextlib.contextmanager
def _rpc(*, changes: bool = False) -> Any:
    """Turn what pyslurm raises for a failed RPC into our errors."""
    rpc_error: type[Exception] = _pyslurm().RPCError
    try:
        yield
    except rpc_error as error:
        raise _meaning(error, changes=changes) from None


def _meaning(error: Exception, *, changes: bool) -> SlurmPluginError:
    return errno_meaning.error_for(getattr(error, "errno", None), str(error), changes=changes)


def release() -> str:
    """Pyslurm's own release; raises ImportError where there is none."""
    return str(importlib.import_module("pyslurm").__version__)


def controller_release() -> str:
    """Slurmctld's release, asked from slurmctld."""
    with _rpc():
        return str(_pyslurm().slurmctld.Config.load().version)


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
        with _rpc(changes=True):
            return int(pyslurm.JobSubmitDescription(**arguments).submit())
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRequest(f"pyslurm can't send this job: {error}") from None


def _environment(spec: JobSpec) -> dict[str, str]:
    # sbatch adds these two itself (sbatch(1), OUTPUT ENVIRONMENT VARIABLES).
    return {
        "SLURM_SUBMIT_DIR": spec.work_dir,
        "SLURM_SUBMIT_HOST": socket.gethostname(),
        **spec.environment,
    }


@functools.cache
def _native() -> fast_query.Loaded:
    _pyslurm()  # initialises libslurm
    return fast_query.load(os.getuid())


def _fast() -> fast_query.FastQuery | None:
    return _native().query


@contextlib.contextmanager
def _asked() -> Iterator[None]:
    """Turn what the native query module raises into our errors."""
    try:
        yield
    except OSError as error:
        raise errno_meaning.error_for(error.errno, error.strerror or str(error)) from None


def query_detail() -> str:
    """Which query is used, for people."""
    return _native().detail


def query_rows(job_ids: Collection[int]) -> list[Row] | dict[int, JobInfo]:
    """State of these jobs: rows for `rows.Decoder`, or JobInfo where pyslurm must do."""
    fast = _fast()
    if fast is None:
        return _query_by_pyslurm(job_ids)
    with _asked():
        return fast.query(job_ids)


def query(job_ids: Collection[int]) -> dict[int, JobInfo]:
    """State of these jobs."""
    answer = query_rows(job_ids)
    return answer if isinstance(answer, dict) else {row[0]: job_of(row) for row in answer}


def _query_by_pyslurm(job_ids: Collection[int]) -> dict[int, JobInfo]:
    if len(job_ids) == 1:  # Jobs.load is always the whole queue with details
        found = (lookup(job_id) for job_id in job_ids)
        return {job.job_id: replace(job, name="", comment="") for job in found if job is not None}
    queue = _queue()
    return {job_id: convert.job(queue[job_id]) for job_id in job_ids if job_id in queue}


def _queue() -> Mapping[int, Any]:
    with _rpc():
        jobs: Mapping[int, Any] = _pyslurm().Jobs.load()
    return jobs


def lookup(job_id: int) -> JobInfo | None:
    """One job with name and comment; None when slurmctld does not know it."""
    fast = _fast()
    if fast is None:
        return _lookup_by_pyslurm(job_id)
    with _asked():
        row = fast.lookup(job_id)
    return None if row is None else job_of(row)


def _lookup_by_pyslurm(job_id: int) -> JobInfo | None:
    try:
        return convert.named_job(_pyslurm().Job.load(job_id))
    except _pyslurm().RPCError as error:
        if getattr(error, "errno", None) == errno_meaning.INVALID_JOB_ID:
            return None
        raise _meaning(error, changes=False) from None


def find(name: str) -> list[JobInfo]:
    """Jobs of this name, oldest first."""
    fast = _fast()
    if fast is not None:
        return _sorted(job for job in _named_jobs(fast) if job.name == name)
    jobs = _queue().values()
    return _sorted(convert.named_job(job) for job in jobs if convert.text(job, "name") == name)


def marked(prefix: str) -> list[JobInfo]:
    """Jobs whose comment begins so, oldest first."""
    fast = _fast()
    if fast is not None:
        return _sorted(job for job in _named_jobs(fast) if job.comment.startswith(prefix))
    jobs = (job for job in _queue().values() if convert.text(job, "comment").startswith(prefix))
    return _sorted(convert.named_job(job) for job in jobs)


def _named_jobs(fast: fast_query.FastQuery) -> Iterable[JobInfo]:
    with _asked():
        rows = fast.named()
    return map(job_of, rows)


def _sorted(jobs: Iterable[JobInfo]) -> list[JobInfo]:
    return sorted(jobs, key=lambda job: job.job_id)


def signal(job_ids: Sequence[int], number: int) -> None:
    """Send a signal to the batch scripts of running jobs."""
    for job_id, job in query(job_ids).items():
        if job.state is JobState.RUNNING and JobFlag.COMPLETING not in job.flags:
            error = _told(job_id, lambda one: one.send_signal(number, steps="batch"))
            if isinstance(error, BackendUnavailable):
                _still_there(job_id)


def cancel(job_ids: Sequence[int]) -> None:
    """Cancel jobs; raises where one is still there and was not told."""
    for job_id in job_ids:
        error = _told(job_id, lambda one: one.cancel())
        if error is not None and _still_there(job_id):
            raise error


def _told(job_id: int, act: Callable[[Any], None]) -> SlurmPluginError | None:
    try:
        act(_pyslurm().Job(job_id))
    except _pyslurm().RPCError as error:
        return _meaning(error, changes=True)
    return None


def _still_there(job_id: int) -> bool:
    """Whether a job has yet to end; raises where slurmctld can't be asked."""
    try:
        job = lookup(job_id)
    except BackendUnavailable as error:
        error.outcome_unknown = True
        raise
    return job is not None and not job.state.is_terminal and JobFlag.COMPLETING not in job.flags


def nodes() -> list[NodeInfo]:
    """All nodes."""
    with _rpc():
        loaded = _pyslurm().Nodes.load()
    return sorted(map(convert.node, loaded.values()), key=lambda node: node.name)


def history(job_ids: Sequence[int], since: int, until: int) -> dict[int, JobInfo]:
    """What slurmdbd knows of these jobs; always by id and with a window."""
    database = _pyslurm().db
    wanted = database.JobFilter(ids=list(job_ids), start_time=since, end_time=until)
    try:
        loaded = database.Jobs.load(wanted)
    except _pyslurm().RPCError as error:
        if not _has_accounting():
            return {}
        raise _meaning(error, changes=False) from None
    return {int(job.id): convert.archived_job(job) for job in loaded.values()}


def _has_accounting() -> bool:
    with _rpc():
        kind = _pyslurm().slurmctld.Config.load().accounting_storage_type
    return bool(kind) and not str(kind).endswith("/none")
