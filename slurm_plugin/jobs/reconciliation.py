"""Records and queue compared: each job gets its record, and each record its end.

At the start and every ReconcileSeconds:
- a submission or delete that an earlier plugin left half done is taken up;
- the end of a pod that nobody asks about is noticed and stored;
- a finished pod whose delete never came goes after RetainFinishedSeconds;
- a job of this data folder without a record is cancelled when its pod was deleted, else adopted
  (OrphanedJobs), so that status and delete find it again.

Jobs that carry another data folder's mark, or none, are never touched.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Literal

from slurm_plugin.errors import SlurmPluginError, StorageFailed
from slurm_plugin.jobs import deletion, mark
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.jobs.deletion import Reaper
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.jobs.locks import PodLocks
from slurm_plugin.jobs.mark import Mark
from slurm_plugin.jobs.observer import Observer
from slurm_plugin.jobs.record import PodRecord, StoredSpec
from slurm_plugin.jobs.retention import expired
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.jobs.submission import Attempt, Submitter
from slurm_plugin.jobs.tracker import Tracker
from slurm_plugin.slurm.base import Backend, JobInfo
from slurm_plugin.slurm.states import JobFlag, JobState

_log = logging.getLogger(__name__)

_LIVES = frozenset({JobState.PENDING, JobState.RUNNING, JobState.SUSPENDED})
_TOMBSTONE_SECONDS = 7 * 86400

Orphans = Literal["adopt", "cancel"]


class Reconciler:
    """Puts right what got out of step.

    Args:
        backend: SLURM.
        store: the data folder.
        locks: one lock per pod.
        submitter: takes up submissions.
        reaper: takes up deletes.
        observer: settles pods whose job ended.
        tracker: the picture of the queue.
        clock: time.
        interval: ReconcileSeconds.
        retain_seconds: RetainFinishedSeconds.
        orphans: OrphanedJobs.
    """

    def __init__(
        self,
        *,
        backend: Backend,
        store: PodStore,
        locks: PodLocks,
        submitter: Submitter,
        reaper: Reaper,
        observer: Observer,
        tracker: Tracker,
        clock: Clock,
        interval: float,
        retain_seconds: float,
        orphans: Orphans,
    ) -> None:
        self._backend = backend
        self._store = store
        self._locks = locks
        self._submitter = submitter
        self._reaper = reaper
        self._observer = observer
        self._tracker = tracker
        self._clock = clock
        self._interval = interval
        self._retain_seconds = retain_seconds
        self._orphans = orphans
        self._next = float("-inf")

    def take_up_all(self) -> None:
        """Take up every submission and delete that is under way by its record.

        Raises:
            StorageFailed: the data folder can't be listed.
        """
        for key in self._store.keys():  # noqa: SIM118 - not a dict
            _guarded(key, partial(self._take_up, key))
        self._store.tend_tombstones(self._clock.now() - _TOMBSTONE_SECONDS)

    def refresh(self) -> None:
        """Compare, when it is time."""
        if self._clock.monotonic() < self._next:
            return
        self._next = self._clock.monotonic() + self._interval
        self.take_up_all()
        self._settle_all()
        try:
            self._compare_queue()
        except SlurmPluginError as error:
            _log.warning("records and queue not compared: %s", error)

    def _take_up(self, key: PodKey) -> None:
        with self._locks.hold(key.uid):
            try:
                pod = self._store.load(key)
            except StorageFailed:
                if not self._store.buried(key):
                    raise
                pod = deletion.stand_in(key, self._store, self._clock.now())
            if pod is None:
                return
            if pod.delete_requested is None and self._deserves_delete(key, pod):
                pod = deletion.requested(pod, self._clock.now(), None)
                self._store.save(pod)
            if pod.delete_requested is not None:
                self._reaper.keep(key)
            elif pod.phase == "submitting" and not self._submitter.keeps(key):
                self._submitter.keep(key, Attempt(doubtful=True))

    def _deserves_delete(self, key: PodKey, pod: PodRecord) -> bool:
        """Deleted, but killed before the record said so; or finished long ago."""
        if expired(pod, self._clock.now(), self._retain_seconds):
            _log.info("finished long ago, never deleted: removed", extra={"pod_uid": key.uid})
            return True
        return self._store.buried(key)

    def _settle_all(self) -> None:
        """Store the end of pods that nobody asks about."""
        unsettled = [key for key in self._store.keys() if self._watch(key)]  # noqa: SIM118
        if not unsettled:
            return
        snapshot = self._tracker.current()
        for key in unsettled:
            _guarded(key, partial(self._observer.settle, key, snapshot))

    def _watch(self, key: PodKey) -> bool:
        """Have the pod's job looked at, if its end is open."""
        try:
            pod = self._store.load(key)
        except SlurmPluginError:
            return False  # said by _take_up
        if pod is None or pod.job_id is None or pod.final is not None:
            return False
        self._tracker.track(pod.job_id)
        return True

    def _compare_queue(self) -> None:
        for job in self._backend.marked(mark.PREFIX):
            found = mark.parse(job.comment)
            if found is not None and found.folder == self._store.folder_id and _lives(job):
                _guarded(found.key, partial(self._match, found, job))

    def _match(self, found: Mark, job: JobInfo) -> None:
        """Bring a job and its pod together."""
        with self._locks.hold(found.key.uid):
            pod = self._store.load(found.key)
            if pod is not None and pod.phase == "submitting":
                return  # the submitter searches for it
            if pod is not None and pod.job_id == job.job_id:
                return
            # The list is some moments old, and this changes something: look again.
            now = self._backend.lookup(job.job_id)
            if now is None or now.comment != job.comment or not _lives(now):
                return
            if pod is not None:
                self._cancel(found, job, "the pod has another job")
            elif self._store.buried(found.key):
                self._cancel(found, job, "its pod was deleted")
            elif self._orphans == "cancel":
                self._cancel(found, job, "no record of its pod")
            else:
                self._adopt(found, now)

    def _cancel(self, found: Mark, job: JobInfo, why: str) -> None:
        extra = {"pod_uid": found.key.uid, "job_id": job.job_id}
        _log.warning("cancelled: %s", why, extra=extra)
        self._backend.cancel([job.job_id])

    def _adopt(self, found: Mark, job: JobInfo) -> None:
        """A record for a job that has none; its containers come with each status request."""
        submitted = float(job.submit_time or self._clock.now())
        pod = PodRecord(
            uid=found.key.uid,
            namespace=found.key.namespace,
            name=found.name,
            created=submitted,
            phase="submitted",
            job_id=job.job_id,
            submitted=submitted,
            spec=StoredSpec(comment=job.comment, output="", work_dir=""),
        )
        self._store.adopt(found.key, pod)
        self._tracker.track(job.job_id)
        extra = {"pod_uid": found.key.uid, "job_id": job.job_id}
        _log.warning("adopted a job without a record", extra=extra)


def _lives(job: JobInfo) -> bool:
    return job.state in _LIVES and JobFlag.COMPLETING not in job.flags


def _guarded(key: PodKey, act: Callable[[], None]) -> None:
    """One pod's trouble must not hold up the others."""
    try:
        act()
    except SlurmPluginError as error:
        _log.error("not reconciled: %s", error, extra={"pod_uid": key.uid})
    except Exception:
        _log.exception("not reconciled", extra={"pod_uid": key.uid})
