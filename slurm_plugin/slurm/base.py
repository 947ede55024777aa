"""The backend protocol and the data that crosses it.

Nothing about argv, stdout, errno or pyslurm objects leaves `slurm_plugin.slurm`: callers see
these small, picklable classes and the errors of `slurm_plugin.errors`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from slurm_plugin.slurm.states import JobFlag, JobState


@dataclass(frozen=True, slots=True)
class SbatchOption:
    """One sbatch option: the canonical long name without dashes, and its value or None.

    `SbatchOption("gres", "gpu:2")` is `--gres=gpu:2`, `SbatchOption("exclusive")` a bare flag.
    """

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job to submit, complete: nothing is inherited from the plugin's own environment.

    Attributes:
        name: job name, the pod's UID; `Backend.find` looks for it.
        comment: which pod this is, for people who read `scontrol show job`.
        script: the whole batch script, interpreter line and `#SBATCH` lines included. The
            commands backend lets sbatch read the options from those lines; the native one
            takes them from `options`.
        options: the merged sbatch options, canonical names, at most one of each; without
            job-name, comment, output, chdir, uid and gid, which have fields of their own.
        output: file for the batch script's stdout and stderr (absolute).
        work_dir: working directory of the batch script (absolute).
        environment: the job's whole environment besides what SLURM adds.
        uid: numeric user to run as; None is the plugin's own user. Other users need root.
        gid: numeric group; given whenever `uid` is.
    """

    name: str
    comment: str
    script: str
    output: str
    work_dir: str
    options: tuple[SbatchOption, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True)
class JobInfo:
    """What SLURM says of a job at one moment.

    Times are seconds since the epoch in SLURM's (the controller's) clock, None when SLURM has
    none. `start_time` of a pending job is the estimated start.

    Attributes:
        job_id: numeric id.
        name: job name; empty where a query did not ask for it (free text of other users stays
            out of bulk queries).
        state: base state; UNKNOWN where only a flag was shown.
        flags: flags beside the base state.
        reason: SLURM's reason, e.g. `Resources`, `TimeLimit`; empty for `None`.
        exit_code: 0-255, the batch script's.
        signal: number of the signal that ended it, 0 for none.
        nodes: node list in SLURM's notation (`n[1-3]`), empty before the start.
        restarts: times that the job was requeued.
        time_limit: minutes; None for unlimited or unknown.
        user_id: numeric owner, None where unknown.
        comment: the job's comment; empty where a query did not ask for it.
    """

    job_id: int
    state: JobState
    flags: frozenset[JobFlag] = frozenset()
    reason: str = ""
    exit_code: int = 0
    signal: int = 0
    submit_time: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    nodes: str = ""
    restarts: int = 0
    time_limit: int | None = None
    user_id: int | None = None
    name: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """A compute node.

    Attributes:
        name: node name.
        cpus: CPUs that SLURM can allocate.
        memory_mib: memory that SLURM can allocate, MiB.
        cpus_allocated: CPUs given to jobs.
        memory_mib_allocated: memory given to jobs, MiB.
        usable: can take work: not down, drained, failing, in maintenance, powered off for good.
        state: SLURM's own words, for people.
        partitions: names of its partitions.
        gres: total of each generic resource, e.g. `{"gpu:a100": 2}` (type kept when it has one).
    """

    name: str
    cpus: int
    memory_mib: int
    cpus_allocated: int = 0
    memory_mib_allocated: int = 0
    usable: bool = True
    state: str = ""
    partitions: tuple[str, ...] = ()
    gres: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What is at the other end, for `/system-info` and logs.

    Attributes:
        backend: `pyslurm`, `commands` or `fake`.
        slurm_release: e.g. `26.05.5`; empty when SLURM did not answer.
        detail: one line: pyslurm release, paths of commands, which query is used.
    """

    backend: str
    slurm_release: str
    detail: str


class Backend(Protocol):
    """One way of talking to SLURM. All methods are thread-safe and end within their deadline.

    Every method raises BackendUnavailable when SLURM can't be asked (with `outcome_unknown`
    where a change may have happened) and UnexpectedAnswer when the answer makes no sense.
    """

    @property
    def name(self) -> str:
        """`pyslurm`, `commands` or `fake`."""

    def submit(self, spec: JobSpec) -> int:
        """Submit one job; returns its id.

        Raises:
            SlurmRefused: SLURM rejected it; the message is SLURM's own; no job exists.
            InvalidRequest: the options cannot be expressed (UnmappedOptions: reject).
        """

    def query(self, job_ids: Collection[int]) -> Mapping[int, JobInfo]:
        """State of these jobs, in one RPC; a job that SLURM no longer knows is absent."""

    def lookup(self, job_id: int) -> JobInfo | None:
        """One job in one RPC, with name, comment and user_id filled; None when unknown."""

    def find(self, name: str) -> Sequence[JobInfo]:
        """All jobs in the queue with exactly this name, any state, newest last.

        Name, comment and user_id are filled: the caller tells its own jobs from namesakes.
        """

    def marked(self, comment_prefix: str) -> Sequence[JobInfo]:
        """All jobs in the queue whose comment begins so; name and comment are filled."""

    def signal(self, job_ids: Collection[int], signal: int) -> None:
        """Send a signal to the batch scripts of running jobs; others are left alone."""

    def cancel(self, job_ids: Collection[int]) -> None:
        """Cancel; jobs that ended or are unknown are not an error.

        Raises:
            SlurmRefused: the plugin may not cancel one of them.
        """

    def nodes(self) -> Sequence[NodeInfo]:
        """All nodes of the cluster."""

    def history(self, job_ids: Collection[int], since: int, until: int) -> Mapping[int, JobInfo]:
        """What accounting knows of jobs that left the queue (epoch seconds); {} without one."""

    def info(self) -> BackendInfo:
        """What is at the other end; raises BackendUnavailable when SLURM does not answer."""

    def close(self) -> None:
        """End workers; the backend can't be used afterwards."""
