"""Whether a job id still means the pod's job.

A slurmctld that is killed forgets its last seconds: the jobs of those seconds are gone, and their
ids are given again. A pod must not speak for the job that got its id.
"""

import threading

from slurm_plugin.jobs.record import PodRecord
from slurm_plugin.jobs.submission import is_ours
from slurm_plugin.slurm.base import Backend, JobInfo

# SLURM's times are whole seconds.
_ROUNDING = 1.0
_MOST_KNOWN = 20_000


class SameJob:
    """Compares a job with the record that names it.

    Only a job that seems to be submitted after the pod was is looked up, once: normally none, with
    a clock that is behind slurmctld's one RPC for each pod.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._guard = threading.Lock()
        self._known: set[tuple[str, int]] = set()

    def is_pods(self, pod: PodRecord, job: JobInfo) -> bool:
        """Whether the job is the pod's.

        Raises:
            BackendUnavailable: that can't be told now.
        """
        # A requeue sets a new time of submission.
        if job.submit_time is None or pod.submitted is None or job.restarts:
            return True
        if job.submit_time <= pod.submitted + _ROUNDING:
            return True
        known = (pod.uid, job.job_id)
        with self._guard:
            if known in self._known:
                return True
        found = self._backend.lookup(job.job_id)
        if found is None:
            return True  # gone just now: the next picture of the queue says so
        if not is_ours(pod, found):
            return False
        with self._guard:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known.add(known)
        return True
