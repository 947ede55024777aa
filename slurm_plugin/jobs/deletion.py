"""Ending a pod: TERM, grace period, cancel, and only then its files.

The client never repeats a delete, so the intent stands in the record and is carried out however
long SLURM is away and however often the plugin restarts.
"""

import logging
import signal
import threading
from dataclasses import dataclass

import msgspec

from slurm_plugin.errors import SlurmPluginError
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.jobs.record import PodRecord
from slurm_plugin.jobs.status import Life, life_of
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.jobs.submission import SETTLE_SECONDS, is_ours
from slurm_plugin.jobs.tracker import Tracker
from slurm_plugin.slurm.base import Backend, JobInfo
from slurm_plugin.slurm.states import JobFlag, JobState

_log = logging.getLogger(__name__)

# The supervisor in the job needs a moment beyond the grace period to write its last files.
_GRACE_MARGIN = 5.0
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 3.0
# A cancelled job that SLURM still shows after this long is asked for again.
_CANCEL_AGAIN_SECONDS = 30.0


@dataclass(slots=True)
class _Ending:
    """How far the ending of one pod has come; monotonic times."""

    verified_at: float | None = None
    absent_since: float | None = None
    asked_at: float | None = None
    cancelled_at: float | None = None
    next_try: float = float("-inf")


class _NotSeenYet(Exception):  # noqa: N818 - no error: the picture of the queue is too old
    """The queue has not been looked at since the job was."""


class Reaper:
    """Carries out deletes; callers of `step` hold the pod's lock."""

    def __init__(self, backend: Backend, store: PodStore, tracker: Tracker, clock: Clock) -> None:
        self._backend = backend
        self._store = store
        self._tracker = tracker
        self._clock = clock
        self._guard = threading.Lock()
        self._endings: dict[PodKey, _Ending] = {}

    def keep(self, key: PodKey) -> None:
        """A pod whose record says that its delete was requested."""
        with self._guard:
            self._endings.setdefault(key, _Ending())

    def due(self) -> list[PodKey]:
        """Pods with something to do now."""
        now = self._clock.monotonic()
        with self._guard:
            return [key for key, ending in self._endings.items() if ending.next_try <= now]

    def waiting(self) -> int:
        """Number of pods that are being ended."""
        with self._guard:
            return len(self._endings)

    def step(self, key: PodKey) -> None:
        """Do the next thing for the pod; errors are logged and tried again."""
        with self._guard:
            ending = self._endings.get(key)
        if ending is None:
            return
        try:
            done = self._advance(key, ending)
        except _NotSeenYet:
            ending.next_try = self._clock.monotonic() + _LOOK_SECONDS
            return
        except SlurmPluginError as error:
            ending.next_try = self._clock.monotonic() + _RETRY_SECONDS
            _log.warning("delete put off: %s", error, extra={"pod_uid": key.uid})
            return
        except Exception:
            ending.next_try = self._clock.monotonic() + _RETRY_SECONDS
            _log.exception("delete put off", extra={"pod_uid": key.uid})
            return
        if done:
            with self._guard:
                self._endings.pop(key, None)

    def _advance(self, key: PodKey, ending: _Ending) -> bool:
        pod = self._store.load(key)
        if pod is None:
            return True
        if pod.phase == "refused" or _job_is_over(pod):
            return self._clean(key, pod)
        if pod.job_id is None:
            return self._advance_unsubmitted(key, pod, ending)
        job = self._job(pod, pod.job_id, ending)
        if job is None or life_of(job, all_ended=False) is Life.ENDED:
            return self._clean(key, pod)
        self._end_job(pod, pod.job_id, job, ending)
        return False

    def _advance_unsubmitted(self, key: PodKey, pod: PodRecord, ending: _Ending) -> bool:
        """The submission's answer may have been lost: search until it is certain."""
        now = self._clock.monotonic()
        found = [job for job in self._backend.find(pod.uid) if is_ours(pod, job)]
        if found:
            self._store.save_or_remember(
                msgspec.structs.replace(pod, phase="submitted", job_id=found[0].job_id)
            )
            return False
        if ending.absent_since is None:
            ending.absent_since = now
        if now - ending.absent_since >= SETTLE_SECONDS:
            return self._clean(key, pod)
        ending.next_try = ending.absent_since + SETTLE_SECONDS
        return False

    def _job(self, pod: PodRecord, job_id: int, ending: _Ending) -> JobInfo | None:
        """The job's state, None when it is gone.

        The first look compares the mark: job ids are used again once SLURM's state was lost, and
        nothing may be cancelled that is not this pod's. Later looks share everybody's snapshot.
        """
        if ending.verified_at is None:
            job = self._backend.lookup(job_id)
            if job is None or not is_ours(pod, job):
                return None
            ending.verified_at = self._clock.monotonic()
            return job
        self._tracker.track(job_id)
        snapshot = self._tracker.current()
        # A snapshot from before that look, or without the job, does not prove that it is gone.
        unseen = job_id not in snapshot.jobs and job_id not in snapshot.missing_since
        if unseen or snapshot.asked <= ending.verified_at:
            raise _NotSeenYet
        return snapshot.jobs.get(job_id)

    def _end_job(self, pod: PodRecord, job_id: int, job: JobInfo, ending: _Ending) -> None:
        now = self._clock.monotonic()
        ending.next_try = now + _LOOK_SECONDS
        if JobFlag.COMPLETING in job.flags:
            return
        if _must_wait(pod, job, ending, now) and ending.asked_at is None:
            self._backend.signal([job_id], signal.SIGTERM)
            ending.asked_at = now
            _log.info("sent TERM", extra={"pod_uid": pod.uid, "job_id": job_id})
        if _must_wait(pod, job, ending, now):
            return
        if ending.cancelled_at is None or now - ending.cancelled_at > _CANCEL_AGAIN_SECONDS:
            self._backend.cancel([job_id])
            ending.cancelled_at = now
            _log.info("cancelled", extra={"pod_uid": pod.uid, "job_id": job_id})

    def _clean(self, key: PodKey, pod: PodRecord) -> bool:
        if pod.job_id is not None:
            self._tracker.untrack(pod.job_id)
        self._store.bury(key)
        self._store.forget(key)
        _log.info("deleted", extra={"pod_uid": key.uid, "job_id": pod.job_id})
        return True


def _must_wait(pod: PodRecord, job: JobInfo, ending: _Ending, now: float) -> bool:
    """Whether the job still has time to end by itself; a later delete may have shortened it."""
    grace = pod.grace_seconds if pod.delete_grace_seconds is None else pod.delete_grace_seconds
    if job.state is not JobState.RUNNING or JobFlag.CONFIGURING in job.flags or grace == 0:
        return False
    return ending.asked_at is None or now < ending.asked_at + grace + _GRACE_MARGIN


def _job_is_over(pod: PodRecord) -> bool:
    """Whether SLURM itself said that the job ended.

    A pod's end may also be told by its containers' files while the job is still there.
    """
    ended = pod.last_job is not None and life_of(pod.last_job, all_ended=False) is Life.ENDED
    return pod.final is not None and ended


def stand_in(key: PodKey, store: PodStore, now: float) -> PodRecord:
    """A record in place of a damaged one, for a pod that is to end: its job is searched by name.

    Args:
        key: the pod.
        store: tells whether the Go plugin wrote the directory.
        now: epoch seconds.
    """
    go_plugin = store.written_by_go_plugin(key)
    return PodRecord(
        key.uid, key.namespace, "", created=now, phase="submitting", go_plugin=go_plugin
    )


def sooner(pod: PodRecord, grace_seconds: int | None) -> bool:
    """Whether a repeated delete (`kubectl delete --grace-period=0`) leaves less time."""
    before = pod.grace_seconds if pod.delete_grace_seconds is None else pod.delete_grace_seconds
    return grace_seconds is not None and grace_seconds < before


def requested(pod: PodRecord, now: float, grace_seconds: int | None) -> PodRecord:
    """The record with the intent to delete the pod."""
    now = pod.delete_requested or now
    return msgspec.structs.replace(pod, delete_requested=now, delete_grace_seconds=grace_seconds)
