"""Bringing a kept pod to SLURM exactly once.

An answer that was lost (time-out, dead worker) leaves open whether the job exists: the queue is
searched for the pod's name before anything is submitted again. One empty search is not enough,
since slurmctld may still hold the lost request in its socket (a stopped daemon reads it when it
goes on): two searches, some seconds apart, must find nothing.
"""

import logging
import threading
from dataclasses import dataclass

import msgspec

from slurm_plugin.errors import (
    BackendUnavailable,
    InvalidRequest,
    SlurmRefused,
    StorageFailed,
    UnexpectedAnswer,
)
from slurm_plugin.jobs import mark
from slurm_plugin.jobs import record as records
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.jobs.record import PodRecord
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.jobs.tracker import Tracker
from slurm_plugin.pods import layout
from slurm_plugin.slurm.base import Backend, JobInfo

_log = logging.getLogger(__name__)

REFUSALS = (SlurmRefused, InvalidRequest)
SETTLE_SECONDS = 3.0
# SLURM's max_script_size is 4 MiB where nobody raised it.
_LONGEST_SCRIPT = 64 << 20
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class Attempt:
    """Where the submission of one pod stands.

    Attributes:
        doubtful: a request was sent and its answer lost: search before submitting.
        absent_since: monotonic time of the first search that found nothing; None before it.
        failures: failed calls in a row.
        next_try: monotonic time before which nothing is tried.
    """

    doubtful: bool
    absent_since: float | None = None
    failures: int = 0
    next_try: float = float("-inf")


class Submitter:
    """Submits pods whose record says `submitting`.

    Callers hold the pod's lock.
    """

    def __init__(self, backend: Backend, store: PodStore, tracker: Tracker, clock: Clock) -> None:
        self._backend = backend
        self._store = store
        self._tracker = tracker
        self._clock = clock
        self._guard = threading.Lock()
        self._kept: dict[PodKey, Attempt] = {}

    def keep(self, key: PodKey, attempt: Attempt) -> None:
        """Remember a pod that could not be submitted yet."""
        with self._guard:
            self._kept[key] = attempt

    def drop(self, key: PodKey) -> None:
        """The pod needs no submission any more."""
        with self._guard:
            self._kept.pop(key, None)

    def keeps(self, key: PodKey) -> bool:
        """Whether the pod is kept."""
        with self._guard:
            return key in self._kept

    def due(self) -> list[tuple[PodKey, Attempt]]:
        """Kept pods whose next try has come."""
        now = self._clock.monotonic()
        with self._guard:
            return [(key, a) for key, a in self._kept.items() if a.next_try <= now]

    def waiting(self) -> int:
        """Number of kept pods."""
        with self._guard:
            return len(self._kept)

    def submit_before(
        self, pod: PodRecord, script: str, deadline: float
    ) -> tuple[PodRecord, Attempt]:
        """Try until the job id is known or the deadline (monotonic) has come.

        Raises:
            SlurmRefused: SLURM said no; no job exists.
            InvalidRequest: the options can't be expressed.
        """
        attempt = Attempt(doubtful=False)
        while True:
            pod = self.step(pod, script, attempt)
            pause = max(0.0, attempt.next_try - self._clock.monotonic())
            if pod.phase != "submitting" or self._clock.monotonic() + pause >= deadline:
                return pod, attempt
            self._clock.sleep(pause)

    def step(self, pod: PodRecord, script: str, attempt: Attempt) -> PodRecord:
        """One try: search if in doubt, else submit; the record tells whether it worked.

        Raises:
            SlurmRefused: SLURM said no; no job exists.
            InvalidRequest: the options can't be expressed.
        """
        try:
            job_id = self._search(pod, attempt) if attempt.doubtful else self._submit(pod, script)
        except BackendUnavailable as error:
            attempt.doubtful = attempt.doubtful or error.outcome_unknown
            self.put_off(pod.uid, attempt, error)
            return pod
        except REFUSALS:
            raise
        except Exception as error:
            # An answer that was not understood, or a defect of ours: SLURM may have made the job.
            if not isinstance(error, UnexpectedAnswer):
                _log.exception("submission failed in an unforeseen way", extra={"pod_uid": pod.uid})
            attempt.doubtful = True
            self.put_off(pod.uid, attempt, error)
            return pod
        if job_id is None:
            return pod
        return self._settled(pod, job_id)

    def script(self, key: PodKey) -> str:
        """The pod's batch script.

        Raises:
            StorageFailed: it is gone or can't be read.
        """
        data = self._store.directory(key) / layout.SCRIPT
        content = self._store.read(key, layout.SCRIPT, limit=_LONGEST_SCRIPT)
        if content is None:
            raise StorageFailed(f"{data}: missing")
        return content.decode()

    def _submit(self, pod: PodRecord, script: str) -> int:
        job_id = self._backend.submit(records.restored(pod, script))
        _log.info("submitted", extra={"pod_uid": pod.uid, "job_id": job_id})
        return job_id

    def _search(self, pod: PodRecord, attempt: Attempt) -> int | None:
        found = [job for job in self._backend.find(pod.uid) if is_ours(pod, job)]
        if found:
            _log.info("found in the queue", extra={"pod_uid": pod.uid, "job_id": found[0].job_id})
            return found[0].job_id
        now = self._clock.monotonic()
        attempt.failures = 0
        if attempt.absent_since is None:
            attempt.absent_since = now
        if now - attempt.absent_since >= SETTLE_SECONDS:
            attempt.doubtful = False
            attempt.next_try = now
        else:
            attempt.next_try = attempt.absent_since + SETTLE_SECONDS
        return None

    def _settled(self, pod: PodRecord, job_id: int) -> PodRecord:
        submitted = msgspec.structs.replace(
            pod, phase="submitted", job_id=job_id, submitted=self._clock.now(), message=""
        )
        try:
            self._store.save(submitted)
        except StorageFailed as error:
            # The record still says `submitting`: the next start finds the job by its name.
            _log.error("job id not stored: %s", error, extra={"pod_uid": pod.uid, "job_id": job_id})
            self._store.remember(submitted)
        self._tracker.track(job_id)
        return submitted

    def put_off(self, uid: str, attempt: Attempt, error: Exception) -> None:
        """Try again later, and later with every failure."""
        attempt.absent_since = None
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt.failures)
        attempt.failures += 1
        attempt.next_try = self._clock.monotonic() + pause
        _log.warning("not submitted yet: %s", error, extra={"pod_uid": uid})


def refused(pod: PodRecord, error: Exception) -> PodRecord:
    """The record of a pod that SLURM refused after its create had been answered."""
    return msgspec.structs.replace(pod, phase="refused", message=str(error))


def is_ours(pod: PodRecord, job: JobInfo) -> bool:
    """Whether a job carries the pod's mark: our comment, or the Go plugin's job name."""
    if pod.spec is not None:
        return job.comment == pod.spec.comment
    if pod.go_plugin:
        return job.name == pod.uid
    # The record was damaged and is made up: the comment must name this very pod.
    found = mark.parse(job.comment)
    return found is not None and found.key == PodKey(pod.namespace, pod.uid)
