"""What a job's end means for a container that left no exit code of its own.

Only the exit code decides between Succeeded and Failed at the client (contract, section 3.3), and
SLURM's can be 0 for jobs that failed: a TIMEOUT shows 0:15 or 0:0, a job cancelled while pending
0:0 (measured on 26.05). So 0 is said of COMPLETED jobs only.
"""

from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobState

_SIGNAL_BASE = 128
_TERM = 143
_KILL = 137

# Reason and exit code where SLURM gives neither signal nor code.
_BY_STATE: dict[JobState, tuple[str, int]] = {
    JobState.COMPLETED: ("Completed", 0),
    JobState.FAILED: ("Error", 1),
    JobState.CANCELLED: ("Cancelled", _TERM),
    JobState.TIMEOUT: ("DeadlineExceeded", _TERM),
    JobState.DEADLINE: ("DeadlineExceeded", _TERM),
    JobState.NODE_FAIL: ("NodeLost", 1),
    JobState.BOOT_FAIL: ("NodeLost", 1),
    JobState.PREEMPTED: ("Preempted", _TERM),
    JobState.OUT_OF_MEMORY: ("OOMKilled", _KILL),
}

_REMEDIES: dict[JobState, str] = {
    JobState.TIMEOUT: "; ask for more time (activeDeadlineSeconds or --time)",
    JobState.OUT_OF_MEMORY: "; ask for more memory (resources.limits.memory)",
    JobState.NODE_FAIL: "; the node failed under the job: create the pod again",
    JobState.BOOT_FAIL: "; the node did not boot: create the pod again",
    JobState.PREEMPTED: "; a job of higher priority took its place: create the pod again",
}


def exit_code(job: JobInfo) -> int:
    """The code for a container of an ended job that left none itself."""
    if job.state is JobState.COMPLETED:
        return 0
    if job.signal:
        return _SIGNAL_BASE + job.signal
    return job.exit_code or _BY_STATE.get(job.state, ("Error", 1))[1]


def reason(job: JobInfo) -> str:
    """Kubernetes-like reason for the end of the job."""
    return _BY_STATE.get(job.state, ("Error", 1))[0]


def story(job: JobInfo) -> str:
    """The end in a sentence: `TIMEOUT after 01:00:00 on n2 (job 123); ask for more time ...`."""
    where = f" on {job.nodes}" if job.nodes else ""
    return (
        f"{job.state.value}{_elapsed(job)}{where} (job {job.job_id}){_REMEDIES.get(job.state, '')}"
    )


def _elapsed(job: JobInfo) -> str:
    if job.start_time is None or job.end_time is None or job.end_time < job.start_time:
        return ""
    minutes, seconds = divmod(job.end_time - job.start_time, 60)
    hours, minutes = divmod(minutes, 60)
    return f" after {hours:02}:{minutes:02}:{seconds:02}"
