"""From SLURM's word and the pod's files to one status per container: pure.

The rules are the client's (contract, sections 3.3 and 3.4): one entry for each container of the
request in its order, exactly one state each, init states that never step back, and after a failed
init container everything terminated in one answer. Breaking one crashes the Virtual Kubelet or
calls a running pod Succeeded.

Sidecar containers stand among the init containers, where the client takes `running` for "still
initialising" and any exit code but 0 for a failed pod. So a sidecar that has started is said to be
terminated with 0, and its truth stands in the message.
"""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import msgspec

from slurm_plugin.jobs import verdict
from slurm_plugin.jobs.container_files import ContainerFile
from slurm_plugin.jobs.container_status import (
    ContainerState,
    ContainerStatus,
    Running,
    Terminated,
    Waiting,
    at,
)
from slurm_plugin.jobs.record import ContainerRecord
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobFlag, JobState

# A job that carries one of these goes back to the queue, whatever its base state says.
_REQUEUE_FLAGS = frozenset(
    {
        JobFlag.REQUEUED,
        JobFlag.REQUEUE_FED,
        JobFlag.REQUEUE_HOLD,
        JobFlag.RESV_DEL_HOLD,
        JobFlag.SPECIAL_EXIT,
    }
)
# What SLURM sends to end a job, and what it is told apart from by SLURM's own verdict only.
_ENDING_SIGNALS = frozenset({signal.SIGTERM, signal.SIGKILL})
_BOOT_FLAGS = frozenset({JobFlag.CONFIGURING, JobFlag.POWER_UP_NODE})
_ALIVE = frozenset({JobState.RUNNING, JobState.SUSPENDED, JobState.UNKNOWN})

# With close-to-open caching a file of the compute node may be seen this late (NFS acdirmax).
_FILES_VISIBLE_AFTER = 90.0


class Life(Enum):
    """Where the job stands, as far as containers are concerned."""

    WAITING = auto()
    ALIVE = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Sight:
    """All that is known of a pod at one moment.

    Attributes:
        job: SLURM's last word; None before the job exists or when SLURM no longer knows it.
        files: state file of each container, of the job's present run only.
        script: state of the batch script, None before it began.
        waiting: why the pod waits when there is no job yet.
        lost: message when the job is lost for good: known to no one, and no file tells its end.
        now: epoch seconds.
    """

    job: JobInfo | None
    files: Mapping[str, ContainerFile]
    script: ContainerFile | None
    now: float
    waiting: str = ""
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One status per container of the request, and whether that is the end of it."""

    init_containers: list[ContainerStatus]
    containers: list[ContainerStatus]
    final: bool


def of_this_run(file: ContainerFile, job: JobInfo | None) -> ContainerFile:
    """The file, or an empty one when an earlier run of the job wrote it."""
    if job is None or file.job is None:
        return file
    stale = file.job != job.job_id or (file.requeue or 0) < job.restarts
    return ContainerFile() if stale else file


def life_of(job: JobInfo | None, *, all_ended: bool) -> Life:
    """Where the job stands.

    Args:
        job: SLURM's word; None when SLURM does not know the job.
        all_ended: every container has left its exit code.
    """
    if job is None:
        return Life.ENDED if all_ended else Life.WAITING
    if job.state is JobState.PENDING or job.flags & _REQUEUE_FLAGS:
        return Life.WAITING
    if job.state is JobState.RUNNING and job.flags & _BOOT_FLAGS:
        return Life.WAITING
    if all_ended:
        return Life.ENDED
    # While COMPLETING, the batch script may still be writing exit codes, and a node failure or
    # preemption may still turn into a requeue.
    if job.state in _ALIVE or JobFlag.COMPLETING in job.flags:
        return Life.ALIVE
    return Life.ENDED


def observe(
    requested: Sequence[ContainerRecord], known: frozenset[str], sight: Sight
) -> Observation:
    """Statuses of the containers that the client asks for.

    Args:
        requested: init, sidecar and app containers of the request, in its order.
        known: names that the pod was created with; others were not offloaded and mirror the rest.
        sight: what is known of the pod.
    """
    offloaded = [container for container in requested if container.name in known]
    all_ended = _all_ended(offloaded, sight.files)
    # A time limit, a requeue, a preemption? Only SLURM can tell, and will in a moment.
    doubtful = all_ended and sight.job is not None and _ended_from_outside(sight)
    life = life_of(sight.job, all_ended=all_ended and not doubtful)
    view = _View(sight, Life.ENDED if sight.lost else life, known, doubtful=doubtful)
    init = _monotone([view.status(c) for c in requested if c.kind != "app"], view)
    apps = [view.status(c) for c in requested if c.kind == "app"]
    return Observation(init, apps, final=view.life is Life.ENDED)


def _all_ended(offloaded: Sequence[ContainerRecord], files: Mapping[str, ContainerFile]) -> bool:
    """Whether the files alone tell the end of every container.

    A sidecar has to have begun only. Init containers count: while the file of one has not reached
    this host, SLURM's word would stand in for it, and that of a running job is no exit code.
    """
    present = [(c.kind, files.get(c.name, ContainerFile())) for c in offloaded]
    told = all(
        file.ended or (kind == "sidecar" and file.started is not None) for kind, file in present
    )
    return told and any(kind == "app" for kind, _ in present)


def _ended_from_outside(sight: Sight) -> bool:
    """Whether containers may have ended because the job was told to."""
    stopped = sight.script is not None and sight.script.stopped is not None
    return stopped or any(file.signal in _ENDING_SIGNALS for file in sight.files.values())


def pending_story(job: JobInfo) -> str:
    """Why a job waits: `Pending: Resources, estimated start 2026-01-31 14:05 UTC (job 123)`."""
    if job.flags & _BOOT_FLAGS:
        return f"Configuring: nodes {job.nodes} are being made ready (job {job.job_id})"
    words = [f"Pending: {job.reason or 'None'}"]
    start = at(job.start_time)
    if start is not None and job.start_time:
        words.append(f"estimated start {start:%Y-%m-%d %H:%M} UTC")
    if job.restarts:
        words.append(f"requeued {job.restarts} times" if job.restarts > 1 else "requeued once")
    return f"{', '.join(words)} (job {job.job_id})"


class _View:
    """Answers for one container at a time."""

    def __init__(self, sight: Sight, life: Life, known: frozenset[str], *, doubtful: bool) -> None:
        self.life = life
        self._sight = sight
        self._known = known
        self._doubtful = doubtful

    def status(self, container: ContainerRecord) -> ContainerStatus:
        file = self._sight.files.get(container.name, ContainerFile())
        state = self._state(container, file)
        job = self._sight.job
        return ContainerStatus(
            name=container.name,
            state=state,
            ready=self._ready(container, state),
            restart_count=(job.restarts if job else 0) + file.restarts,
            image=container.image,
            started=state.running is not None,
            container_id=f"slurm://{job.job_id}/{container.name}" if job else "",
        )

    def held_back(self, status: ContainerStatus) -> ContainerStatus:
        """The status as it stands before the container's turn."""
        state = ContainerState(waiting=Waiting("PodInitializing", "an earlier one is not done"))
        return msgspec.structs.replace(status, state=state, ready=False, started=False)

    def _ready(self, container: ContainerRecord, state: ContainerState) -> bool:
        if container.kind == "app":
            return state.running is not None
        return state.terminated is not None and state.terminated.exit_code == 0

    def _state(self, container: ContainerRecord, file: ContainerFile) -> ContainerState:
        if self.life is Life.WAITING:
            return self._waiting()
        if container.name not in self._known:
            return self._mirror(container)
        if container.kind == "sidecar" and (file.started is not None or file.ended):
            return self._sidecar(file)
        if file.ended and not self._was_stopped(file):
            return ContainerState(terminated=self._own_end(file))
        if self.life is Life.ENDED:
            return ContainerState(terminated=self._job_end(file))
        return self._alive(container, file)

    def _was_stopped(self, file: ContainerFile) -> bool:
        """Whether it ended with a job that has not ended yet: a requeue may follow."""
        if self.life is not Life.ALIVE:
            return False
        stopped = self._sight.script.stopped if self._sight.script else None
        after_stop = stopped is not None and (file.finished or 0) >= stopped
        return after_stop or (self._doubtful and file.signal in _ENDING_SIGNALS)

    def _waiting(self) -> ContainerState:
        job = self._sight.job
        message = pending_story(job) if job else self._sight.waiting
        return ContainerState(waiting=Waiting("SlurmPending", message))

    def _mirror(self, container: ContainerRecord) -> ContainerState:
        message = "runs in Kubernetes, not in the SLURM job"
        # A running init container would hold the whole pod back (contract, section 3.3).
        if self.life is Life.ENDED or container.kind != "app":
            return ContainerState(terminated=Terminated(0, "Completed", message))
        return ContainerState(running=Running(self._job_start()))

    def _sidecar(self, file: ContainerFile) -> ContainerState:
        message = "sidecar: runs beside the containers"
        if file.ended:
            message = f"sidecar: ended with exit code {file.exit_code}"
        started = at(file.started)
        return ContainerState(
            terminated=Terminated(0, "Completed", message, started, at(file.finished) or started)
        )

    def _own_end(self, file: ContainerFile) -> Terminated:
        code = file.exit_code or 0
        return Terminated(
            exit_code=code,
            reason=self._own_reason(file, code),
            message=self._own_message(file, code),
            started_at=at(file.started) or self._job_start(),
            finished_at=at(file.finished) or self._job_finish(),
            signal=file.signal,
        )

    def _own_reason(self, file: ContainerFile, code: int) -> str:
        job = self._sight.job
        plain = file.reason in ("", "Error")
        if code and plain and job is not None and _tells_why(job):
            return verdict.reason(job)
        return file.reason or ("Error" if code else "Completed")

    def _own_message(self, file: ContainerFile, code: int) -> str:
        job = self._sight.job
        if not code:
            return file.message
        own = file.message or f"exit code {code}"
        if job is not None and _tells_why(job):
            return f"{own}; {verdict.story(job)}"
        if job is None or file.message:
            return own
        return f"{own} on {job.nodes} (job {job.job_id})"

    def _job_end(self, file: ContainerFile) -> Terminated:
        started = at(file.started) or self._job_start()
        job = self._sight.job
        if job is None:
            return Terminated(1, "JobLost", self._sight.lost, started, at(self._sight.now))
        return Terminated(
            exit_code=verdict.exit_code(job),
            reason=verdict.reason(job),
            message=verdict.story(job),
            started_at=started,
            finished_at=self._job_finish(),
            signal=job.signal,
        )

    def _alive(self, container: ContainerRecord, file: ContainerFile) -> ContainerState:
        if file.started is not None:
            if file.ready or file.ended or container.kind != "app":
                return ContainerState(running=Running(at(file.started)))
            return ContainerState(
                waiting=Waiting("NotReady", file.message or "Waiting for probes to be ready.")
            )
        if self._files_invisible():
            return self._assumed_running(container)
        job = self._sight.job
        message = file.message or (f"job {job.job_id} runs on {job.nodes}" if job else "")
        return ContainerState(waiting=Waiting(file.reason or "ContainerCreating", message))

    def _files_invisible(self) -> bool:
        """Whether the job runs for long and the script's files don't reach this host."""
        job = self._sight.job
        return (
            self._sight.script is None
            and job is not None
            and job.start_time is not None
            and self._sight.now - job.start_time > _FILES_VISIBLE_AFTER
        )

    def _assumed_running(self, container: ContainerRecord) -> ContainerState:
        started = self._job_start()
        if container.kind == "app":
            return ContainerState(running=Running(started))
        message = "not visible from the plugin's host: the job runs"
        return ContainerState(terminated=Terminated(0, "Completed", message, started, started))

    def _job_start(self) -> datetime | None:
        job = self._sight.job
        return at(job.start_time) if job else None

    def _job_finish(self) -> datetime | None:
        job = self._sight.job
        return at(job.end_time) if job else None


def _tells_why(job: JobInfo) -> bool:
    """Whether the state says more about an end than the exit code does."""
    return job.state not in _ALIVE and job.state not in {JobState.COMPLETED, JobState.FAILED}


def _monotone(statuses: list[ContainerStatus], view: _View) -> list[ContainerStatus]:
    """Init states in the order terminated, at most one running, waiting.

    A file that reached this host late must not make a later init container look further than an
    earlier one: that crashes the client (contract, section 3.4, item 3).
    """
    ordered: list[ContainerStatus] = []
    open_found = False
    for status in statuses:
        if open_found and status.state.waiting is None:
            ordered.append(view.held_back(status))
        else:
            ordered.append(status)
        open_found = open_found or status.state.terminated is None
    return ordered
