"""The commands backend: argv builders and parsers put together."""

import os
import secrets
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.slurm.base import BackendInfo, JobInfo, JobSpec, NodeInfo
from slurm_plugin.slurm.commands import (
    accounting,
    cancel,
    controller,
    fields,
    nodes,
    process,
    queue,
    submit,
)

# Keeps a command line short.
_CANCEL_AT_ONCE = 500
# Up to here squeue by id is cheaper than the user's whole queue.
_FEW_IDS = 20


class CommandsBackend:
    """SLURM by its commands; see `slurm_plugin.slurm.base.Backend`.

    Args:
        settings: paths (each may be a wrapper with arguments), time-outs, SLURM_CONF.
        environ: the service's environment, of which the commands get only what they need.
    """

    def __init__(self, settings: SlurmSettings, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        inherited = os.environ if environ is None else environ
        self._environment = process.base_environment(settings.slurm_conf, inherited)
        self._sbatch = shlex.split(settings.sbatch_path)
        self._scancel = shlex.split(settings.scancel_path)
        self._squeue = shlex.split(settings.squeue_path)
        self._sinfo = shlex.split(settings.sinfo_path)
        self._sacct = shlex.split(settings.sacct_path)
        self._scontrol = shlex.split(settings.scontrol_path)

    @property
    def name(self) -> str:
        """`commands`."""
        return "commands"

    def submit(self, spec: JobSpec) -> int:
        """Submit one job by sbatch; returns its id."""
        completed = process.run(
            submit.sbatch_argv(self._sbatch),
            environment=self._environment,
            timeout=self._settings.submit_timeout_seconds,
            stdin=submit.script_text(spec),
            changes=True,
        )
        return submit.parse_sbatch(completed)

    def query(self, job_ids: Collection[int]) -> Mapping[int, JobInfo]:
        """State of these jobs.

        One squeue for all; slurmctld filters by user where all jobs are the plugin's own. What
        such an answer lacks (a job taken over from another user) is asked for by id.
        """
        wanted = frozenset(job_ids)
        if not wanted:
            return {}
        if len(wanted) <= _FEW_IDS:
            return self._by_id(wanted)
        found = queue.parse_squeue(self._ask(queue.squeue_argv(self._squeue, *self._whose())))
        jobs = {job_id: found[job_id] for job_id in wanted if job_id in found}
        missing = queue.missing_ids(wanted, jobs)
        return {**jobs, **self._by_id(missing)} if missing and self._whose() else jobs

    def lookup(self, job_id: int) -> JobInfo | None:
        """One job with name and comment."""
        mark = secrets.token_hex(8)
        return queue.parse_one_job(self._ask(queue.one_job_argv(self._squeue, job_id, mark)), mark)

    def find(self, name: str) -> Sequence[JobInfo]:
        """All jobs in the queue with this name, newest last."""
        argv = queue.squeue_argv(self._squeue, f"--name={name}")
        candidates = sorted(queue.parse_squeue(self._ask(argv)))
        return self._looked_up(candidates, lambda job: job.name == name)

    def marked(self, comment_prefix: str) -> Sequence[JobInfo]:
        """All jobs in the queue whose comment begins so."""
        completed = self._ask(queue.comments_argv(self._squeue))
        candidates = sorted(set(queue.parse_comments(completed, comment_prefix)))
        return self._looked_up(candidates, lambda job: job.comment.startswith(comment_prefix))

    def signal(self, job_ids: Collection[int], signal: int) -> None:
        """Send a signal to the batch scripts of running jobs."""
        for some in _pieces(job_ids):
            self._change(cancel.signal_argv(self._scancel, some, signal))

    def cancel(self, job_ids: Collection[int]) -> None:
        """Cancel; jobs that ended or are unknown are not an error."""
        for some in _pieces(job_ids):
            self._change(cancel.scancel_argv(self._scancel, some))

    def nodes(self) -> Sequence[NodeInfo]:
        """All nodes of the cluster."""
        return nodes.parse_sinfo(self._ask(nodes.sinfo_argv(self._sinfo)))

    def history(self, job_ids: Collection[int], since: int, until: int) -> Mapping[int, JobInfo]:
        """What accounting knows of these jobs."""
        found: dict[int, JobInfo] = {}
        for argv in accounting.sacct_argvs(self._sacct, job_ids, since, until):
            found.update(accounting.parse_sacct(self._ask(argv)))
        return found

    def info(self) -> BackendInfo:
        """The commands' release, and whether slurmctld answers."""
        controller.check_ping(self._ask(controller.ping_argv(self._scontrol)))
        release = controller.parse_release(self._ask(controller.release_argv(self._scontrol)))
        return BackendInfo("commands", release, f"sbatch is {shlex.join(self._sbatch)}")

    def close(self) -> None:
        """Nothing is kept open."""

    def _by_id(self, job_ids: Collection[int]) -> dict[int, JobInfo]:
        jobs: dict[int, JobInfo] = {}
        for selection in queue.selections(job_ids):
            argv = queue.squeue_argv(self._squeue, selection)
            jobs.update(queue.parse_squeue(self._ask(argv)))
        return {job_id: jobs[job_id] for job_id in job_ids if job_id in jobs}

    def _whose(self) -> tuple[str, ...]:
        """Only root submits for others; a wrapper may be another user elsewhere."""
        if os.geteuid() == 0 or len(self._squeue) > 1:
            return ()
        return (f"--user={os.geteuid()}",)

    def _looked_up(
        self, candidates: Sequence[int], matches: Callable[[JobInfo], bool]
    ) -> list[JobInfo]:
        found = (self.lookup(job_id) for job_id in candidates)
        return [job for job in found if job is not None and matches(job)]

    def _ask(self, argv: Sequence[str]) -> process.Completed:
        return process.run(
            argv,
            environment={**self._environment, **fields.TIME_FORMAT},
            timeout=self._settings.query_timeout_seconds,
        )

    def _change(self, argv: Sequence[str]) -> None:
        completed = process.run(
            argv,
            environment=self._environment,
            timeout=self._settings.query_timeout_seconds,
            changes=True,
        )
        cancel.check_scancel(completed)


def _pieces(job_ids: Collection[int]) -> list[list[int]]:
    ordered = sorted(job_ids)
    return [ordered[i : i + _CANCEL_AT_ONCE] for i in range(0, len(ordered), _CANCEL_AT_ONCE)]
