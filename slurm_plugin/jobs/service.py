"""Create, status, delete and logs of pods: what the HTTP side calls.

Every change to a pod happens under that pod's lock and stands in its record before SLURM is asked.
"""

import logging
import threading
from collections.abc import Sequence

from slurm_plugin.config.settings import Settings
from slurm_plugin.errors import SlurmPluginError, StorageFailed
from slurm_plugin.jobs import deletion, submission
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.jobs.container_status import PodStatus
from slurm_plugin.jobs.deletion import Reaper
from slurm_plugin.jobs.housekeeper import Housekeeper
from slurm_plugin.jobs.identity import PodKey, key_of
from slurm_plugin.jobs.locks import PodLocks
from slurm_plugin.jobs.observer import Observer
from slurm_plugin.jobs.reconciliation import Reconciler
from slurm_plugin.jobs.record import ContainerRecord, PodRecord, stored
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.jobs.submission import Attempt, Submitter
from slurm_plugin.jobs.tracker import Tracker
from slurm_plugin.jobs.translate import TranslatedPod, translate
from slurm_plugin.pods.manifest import CreateRequest, Pod

_log = logging.getLogger(__name__)

_RECOVERY_PAUSE = 5.0


class PodService:
    """The pods of one data folder on one SLURM cluster.

    Args:
        settings: the plugin's settings.
        store: the data folder.
        locks: one lock per pod.
        submitter: brings pods to SLURM.
        reaper: ends them.
        observer: tells their status.
        reconciler: compares records and queue.
        tracker: the picture of the queue.
        clock: time.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        store: PodStore,
        locks: PodLocks,
        submitter: Submitter,
        reaper: Reaper,
        observer: Observer,
        reconciler: Reconciler,
        tracker: Tracker,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._submitter = submitter
        self._reaper = reaper
        self._observer = observer
        self._reconciler = reconciler
        self._tracker = tracker
        self._clock = clock
        self._locks = locks
        # While SLURM hangs, creates wait for it; status and delete must still find a thread.
        self._waiting_creates = threading.BoundedSemaphore(settings.service.threads * 3 // 4)
        self._housekeeper = Housekeeper([self._submit_kept, self._reap])
        # Apart, since a slow sacct or a long queue must not hold up submissions and deletes.
        self._archivist = Housekeeper([observer.ask_archive], name="archivist")
        self._comparer = Housekeeper([self._reconcile], name="reconciler")
        self._recovered = threading.Event()
        self._closing = threading.Event()

    def start(self) -> None:
        """Take up what an earlier run of the plugin left unfinished, in the background.

        Raises:
            ConfigError: another plugin uses the data folder.
            StorageFailed: it can't be used.
        """
        self._store.prepare()
        self._store.claim()
        for keeper in self.keepers():
            keeper.start()
        threading.Thread(target=self._recover, name="recovery", daemon=True).start()

    def close(self) -> None:
        """End the background work; records hold what is unfinished."""
        self._closing.set()
        for keeper in self.keepers():
            keeper.close()
        self._tracker.close()
        self._store.release()

    def keepers(self) -> tuple[Housekeeper, ...]:
        """The background threads."""
        return (self._housekeeper, self._archivist, self._comparer)

    def create(self, request: CreateRequest) -> PodRecord:
        """Make a pod's job, once, however often this is called.

        Returns:
            The pod's record; its job id is None when SLURM could not be asked: the pod is kept
            and submitted later.

        Raises:
            InvalidRequest: the pod can't become a job.
            SlurmRefused: SLURM said no.
            StorageFailed: its directory can't be written.
        """
        key = key_of(request.pod.metadata if request.pod else None)
        with self._locks.hold(key.uid):
            known = self._store.load(key)
            if known is not None:
                return known
            if self._store.buried(key):
                _log.info("created after its delete: not submitted", extra={"pod_uid": key.uid})
                return self._ghost(key)
            translated = translate(
                request,
                self._settings,
                self._store.directory(key),
                folder=self._store.folder_id,
            )
            pod = self._accept(key, translated)
            return self._bring_in(key, pod, translated.spec.script)

    def statuses(self, pods: Sequence[Pod]) -> list[PodStatus]:
        """Status of the pods of a request, in its order; pods in doubt are left out.

        Raises:
            InvalidRequest: a pod has no proper namespace or UID.
            BackendUnavailable: nothing certain can be said of any of them.
        """
        keyed = [(key_of(pod.metadata), pod) for pod in pods]
        answers: list[PodStatus] = []
        doubt: SlurmPluginError | None = None
        for key, pod in keyed:
            try:
                answers.append(self._status(key, pod))
            except SlurmPluginError as error:
                _log.warning("status in doubt: %s", error, extra={"pod_uid": key.uid})
                doubt = error
        if doubt is not None and not answers:
            raise doubt
        return answers

    def delete(self, pod: Pod) -> None:
        """End a pod and remove its files, in the background; unknown pods are fine.

        Raises:
            InvalidRequest: the pod has no proper namespace or UID.
            StorageFailed: the files of a pod without a record can't be removed.
        """
        key = key_of(pod.metadata)
        with self._locks.hold(key.uid):
            self._store.bury(key)
            known = self._known_for_delete(key)
            if known is None:
                self._store.forget(key)
                return
            grace = pod.metadata.deletion_grace_period_seconds if pod.metadata else None
            if known.delete_requested is None or deletion.sooner(known, grace):
                # The client never repeats a delete, so a full disk is no excuse.
                self._store.save_or_remember(deletion.requested(known, self._clock.now(), grace))
            self._submitter.drop(key)
            self._reaper.keep(key)
        self._housekeeper.wake()

    def _known_for_delete(self, key: PodKey) -> PodRecord | None:
        """The record, or one in its place when it is damaged: its job must end all the same."""
        try:
            return self._store.load(key)
        except StorageFailed as error:
            _log.error("deleted without its record: %s", error, extra={"pod_uid": key.uid})
            return deletion.stand_in(key, self._store, self._clock.now())

    def recovered(self) -> bool:
        """Whether the data folder was looked through since the start."""
        return self._recovered.is_set()

    def figures(self) -> dict[str, int]:
        """Counts for `/system-info`."""
        return {"pods_kept": self._submitter.waiting(), "pods_ending": self._reaper.waiting()}

    def _ghost(self, key: PodKey) -> PodRecord:
        now = self._clock.now()
        return PodRecord(key.uid, key.namespace, "", created=now, phase="refused")

    def _accept(self, key: PodKey, translated: TranslatedPod) -> PodRecord:
        """Write the pod's directory, the record last: without a record the pod is not known."""
        directory = self._store.directory(key)
        pod = self._new_record(translated)
        try:
            self._store.fill(key, translated.plan, translated.spec)
            self._store.save(pod)
            self._store.settle(key)
        except SlurmPluginError:
            self._store.forget(key)
            raise
        _log.info("accepted into %s", directory.name, extra={"pod_uid": key.uid})
        return pod

    def _new_record(self, translated: TranslatedPod) -> PodRecord:
        plan = translated.plan
        return PodRecord(
            uid=plan.uid,
            namespace=plan.namespace,
            name=plan.name,
            created=self._clock.now(),
            phase="submitting",
            containers=[ContainerRecord(c.name, c.kind, c.image) for c in plan.containers],
            spec=stored(translated.spec),
            grace_seconds=plan.grace_seconds,
        )

    def _bring_in(self, key: PodKey, pod: PodRecord, script: str) -> PodRecord:
        if not self._waiting_creates.acquire(blocking=False):
            self._submitter.keep(key, Attempt(doubtful=False))
            return pod
        timeout = self._settings.slurm.submit_timeout_seconds
        deadline = self._clock.monotonic() + timeout
        try:
            pod, attempt = self._submitter.submit_before(pod, script, deadline)
        except submission.REFUSALS:
            self._store.forget(key)
            raise
        finally:
            self._waiting_creates.release()
        if pod.phase == "submitting":
            self._submitter.keep(key, attempt)
        return pod

    def _status(self, key: PodKey, pod: Pod) -> PodStatus:
        record = self._store.load(key)
        if record is None:
            return self._observer.unknown(key, pod, certain=self._is_stranger(key))
        return self._observer.status(key, record, pod)

    def _is_stranger(self, key: PodKey) -> bool:
        """Whether it is certain that no create of this pod is known or in hand."""
        return self._recovered.is_set() and not self._locks.busy(key.uid)

    def _submit_kept(self) -> None:
        for key, attempt in self._submitter.due():
            with self._locks.hold(key.uid):
                try:
                    self._submit_one(key, attempt)
                except SlurmPluginError as error:  # one pod's trouble must not hold up the others
                    self._submitter.put_off(key.uid, attempt, error)
                except Exception as error:
                    _log.exception("not submitted", extra={"pod_uid": key.uid})
                    self._submitter.put_off(key.uid, attempt, error)

    def _submit_one(self, key: PodKey, attempt: Attempt) -> None:
        pod = self._store.load(key)
        if pod is None or pod.phase != "submitting" or pod.delete_requested is not None:
            self._submitter.drop(key)
            return
        try:
            pod = self._submitter.step(pod, self._submitter.script(key), attempt)
        except submission.REFUSALS as error:
            _log.warning("refused: %s", error, extra={"pod_uid": key.uid})
            pod = submission.refused(pod, error)
            self._store.save(pod)
        if pod.phase != "submitting":
            self._submitter.drop(key)

    def _reap(self) -> None:
        for key in self._reaper.due():
            with self._locks.hold(key.uid):
                self._reaper.step(key)

    def _recover(self) -> None:
        """Find pods whose submission or delete was under way when the plugin last ended."""
        while not self._closing.is_set():
            try:
                self._recover_all()
            except SlurmPluginError as error:
                _log.error("data folder can't be looked through yet: %s", error)
                self._closing.wait(_RECOVERY_PAUSE)
            else:
                return

    def _recover_all(self) -> None:
        self._reconciler.take_up_all()
        self._recovered.set()
        for keeper in self.keepers():
            keeper.wake()

    def _reconcile(self) -> None:
        if self._recovered.is_set():
            self._reconciler.refresh()
