"""The status of one pod, from the record, SLURM's word and the pod's files."""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from slurm_plugin.errors import BackendUnavailable, InvalidRequest, StorageFailed
from slurm_plugin.jobs.archive import Archive
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.jobs.container_files import ContainerFile, read_container, read_pod
from slurm_plugin.jobs.container_status import (
    ContainerState,
    ContainerStatus,
    PodStatus,
    Terminated,
    at,
)
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.jobs.locks import PodLocks
from slurm_plugin.jobs.record import ContainerRecord, Final, PodRecord
from slurm_plugin.jobs.same_job import SameJob
from slurm_plugin.jobs.status import Life, Observation, Sight, life_of, observe, of_this_run
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.jobs.tracker import Snapshot, Tracker
from slurm_plugin.pods.manifest import Container, Pod
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobState

_log = logging.getLogger(__name__)

# How long a pod that nobody knows may still be on its way (a create follows within seconds, but
# the client waits up to 5 minutes for ConfigMaps; contract, section 3.1).
_STRANGER_SECONDS = 60.0
_MOST_STRANGERS = 10_000


class Observer:
    """Answers status requests.

    Args:
        store: records and files.
        locks: one lock per pod.
        tracker: the picture of the queue.
        archive: accounting, for jobs that left it.
        same_job: tells whether a job id still means the pod's job.
        clock: time.
        lost_after: seconds after which a job that nobody knows counts as lost.
    """

    def __init__(
        self,
        *,
        store: PodStore,
        locks: PodLocks,
        tracker: Tracker,
        archive: Archive,
        same_job: SameJob,
        clock: Clock,
        lost_after: float,
    ) -> None:
        self._store = store
        self._locks = locks
        self._tracker = tracker
        self._archive = archive
        self._same_job = same_job
        self._clock = clock
        self._lost_after = lost_after
        self._strangers: OrderedDict[PodKey, float] = OrderedDict()

    def status(self, key: PodKey, record: PodRecord, pod: Pod) -> PodStatus:
        """Status of a known pod.

        Raises:
            BackendUnavailable: SLURM has not said anything about its job yet.
        """
        requested = requested_containers(pod)
        if record.final is not None:
            return _answer(record, pod, _repeated(record.final, requested))
        if record.phase == "refused":
            return _answer(record, pod, _all_terminated(requested, "SlurmRefused", record.message))
        sight = self._sight(key, record, requested)
        known = frozenset(c.name for c in record.containers) or frozenset(c.name for c in requested)
        observation = observe(requested, known, sight)
        self._keep(key, record, sight, observation)
        return _answer(record, pod, observation)

    def settle(self, key: PodKey, snapshot: Snapshot) -> None:
        """Decide the end of a pod whose job ended and which nobody asks about.

        Args:
            key: the pod.
            snapshot: the queue; its job is tracked.

        Raises:
            BackendUnavailable: SLURM has not said anything about its job yet.
        """
        record = self._store.load(key)
        if record is None or record.job_id is None or record.phase != "submitted":
            return
        if record.final is not None:
            self._tracker.untrack(record.job_id)
            return
        job, lost = self._job(record, record.job_id, snapshot)
        if not lost and life_of(job, all_ended=False) is not Life.ENDED:
            return
        sight = self._sight_of_job(key, record, record.containers, snapshot)
        if record.containers:
            known = frozenset(c.name for c in record.containers)
            observation = observe(record.containers, known, sight)
        else:
            # Adopted: the containers are not known before somebody asks, the job's end is.
            observation = Observation([], [], final=False)
        self._keep(key, record, sight, observation)

    def unknown(self, key: PodKey, pod: Pod, *, certain: bool) -> PodStatus:
        """Status of a pod without a record.

        Raises:
            BackendUnavailable: it may still turn up.
        """
        now = self._clock.monotonic()
        since = self._strangers.setdefault(key, now)
        while len(self._strangers) > _MOST_STRANGERS:
            self._strangers.popitem(last=False)
        if not certain or now - since < _STRANGER_SECONDS:
            raise BackendUnavailable(f"pod {key.uid} is not known here (yet)")
        message = f"the plugin has no record of pod {key.uid}; create it again"
        record = PodRecord(key.uid, key.namespace, "", created=0, phase="refused")
        observation = _all_terminated(requested_containers(pod), "PodUnknown", message)
        return _answer(record, pod, observation)

    def ask_archive(self) -> None:
        """Ask accounting for the jobs that left the queue."""
        self._archive.refresh()

    def _sight(self, key: PodKey, record: PodRecord, requested: Sequence[ContainerRecord]) -> Sight:
        if record.job_id is None:
            waiting = "SLURM is being asked, or is away: the job is submitted when it answers"
            return Sight(None, {}, None, self._clock.now(), waiting=waiting)
        self._tracker.track(record.job_id)
        return self._sight_of_job(key, record, requested, self._tracker.current())

    def _sight_of_job(
        self,
        key: PodKey,
        record: PodRecord,
        requested: Sequence[ContainerRecord],
        snapshot: Snapshot,
    ) -> Sight:
        assert record.job_id is not None
        job, lost = self._job(record, record.job_id, snapshot)
        waiting = f"submitted as job {record.job_id}"
        if job is not None and life_of(job, all_ended=False) is Life.WAITING:
            # No file speaks for a job in the queue: thousands of them cost no file system calls.
            return Sight(job, {}, None, self._clock.now(), waiting, lost)
        script = read_pod(self._store, key)
        return Sight(
            job=job,
            files=self._files(key, record, record.containers or requested, job),
            script=of_this_run(script, job) if script else None,
            now=self._clock.now(),
            waiting=waiting,
            lost=lost,
        )

    def _job(
        self, record: PodRecord, job_id: int, snapshot: Snapshot
    ) -> tuple[JobInfo | None, str]:
        """SLURM's last word of the job, and a message when it is lost for good."""
        job = snapshot.jobs.get(job_id)
        if job is not None:
            return self._present_job(record, job)
        if job_id in snapshot.missing_since:
            return self._missing_job(record, job_id, snapshot)
        return self._unseen_job(record)

    def _present_job(self, record: PodRecord, job: JobInfo) -> tuple[JobInfo | None, str]:
        """The job that has the pod's id, unless SLURM forgot the pod's and gave its id again."""
        if self._same_job.is_pods(record, job):
            return job, ""
        return None, f"job {job.job_id} was lost by SLURM, its id is now another job's"

    def _unseen_job(self, record: PodRecord) -> tuple[JobInfo | None, str]:
        """No query since the job was submitted: what was known before stands."""
        if record.last_job is None and not self._tracker.healthy():
            raise BackendUnavailable(f"SLURM does not answer; job {record.job_id} is not known yet")
        return record.last_job, ""

    def _missing_job(
        self, record: PodRecord, job_id: int, snapshot: Snapshot
    ) -> tuple[JobInfo | None, str]:
        """The queue does not know the job: accounting, then patience, then lost."""
        archived = self._archive.job(job_id, record.submitted or record.created)
        if archived is not None:
            # sacct does not tell restarts; files of a run before the last requeue stay old.
            restarts = record.last_job.restarts if record.last_job else 0
            return replace(archived, restarts=max(archived.restarts, restarts)), ""
        missing = self._clock.monotonic() - snapshot.missing_since[job_id]
        if missing > self._lost_after and self._archive.asked(job_id):
            return None, f"job {job_id} is known to neither SLURM's queue nor its accounting"
        return record.last_job, ""

    def _files(
        self,
        key: PodKey,
        record: PodRecord,
        containers: Sequence[ContainerRecord],
        job: JobInfo | None,
    ) -> dict[str, ContainerFile]:
        files = {
            container.name: of_this_run(read_container(self._store, key, container), job)
            for container in containers
        }
        if record.go_plugin and job is not None and job.state is JobState.RUNNING:
            return _with_starts(containers, files, job.start_time)
        return files

    def _keep(self, key: PodKey, record: PodRecord, sight: Sight, seen: Observation) -> None:
        """Store what must outlive a restart: the end, and SLURM's word when it changed state."""
        news: dict[str, object] = {}
        if sight.job is not None and _differs(record.last_job, sight.job):
            news["last_job"] = sight.job
        if seen.final:
            news["final"] = Final(self._clock.now(), seen.containers, seen.init_containers)
        if news:
            self._store_news(key, news)
        if seen.final and record.job_id is not None:
            self._tracker.untrack(record.job_id)
            self._archive.forget([record.job_id])

    def _store_news(self, key: PodKey, news: dict[str, object]) -> None:
        # Under the lock and on the record as it is now: a delete may have come in between.
        with self._locks.hold(key.uid):
            current = self._store.load(key)
            if current is None:
                return
            changed = msgspec.structs.replace(current, **news)
            try:
                self._store.save(changed)
            except StorageFailed as error:
                _log.error("status not stored: %s", error, extra={"pod_uid": key.uid})
                self._store.remember(changed)


def _with_starts(
    containers: Sequence[ContainerRecord], files: dict[str, ContainerFile], start: int | None
) -> dict[str, ContainerFile]:
    """The Go plugin's script notes no starts: what has its turn counts as begun with the job."""
    first_open = next(
        (c.name for c in containers if c.kind == "init" and not files[c.name].ended), None
    )
    begun = {c.name for c in containers if first_open in (None, c.name)}
    return {
        name: replace(file, started=start) if name in begun and not file.ended else file
        for name, file in files.items()
    }


def requested_containers(pod: Pod) -> list[ContainerRecord]:
    """The containers of a request, init and sidecar containers first, in its order.

    Raises:
        InvalidRequest: there are none; an answer without containers means Succeeded to the client
            (contract, section 3.3).
    """
    spec = pod.spec
    if spec is None or not spec.containers:
        raise InvalidRequest("spec.containers: missing or empty")
    init = [
        _container(c, "sidecar" if c.restart_policy == "Always" else "init")
        for c in spec.init_containers or []
    ]
    return init + [_container(c, "app") for c in spec.containers]


def _container(container: Container, kind: str) -> ContainerRecord:
    return msgspec.convert(
        {"name": container.name, "kind": kind, "image": container.image or ""}, ContainerRecord
    )


def _differs(before: JobInfo | None, now: JobInfo) -> bool:
    return before is None or (before.state, before.flags, before.restarts, before.nodes) != (
        now.state,
        now.flags,
        now.restarts,
        now.nodes,
    )


def _repeated(final: Final, requested: Sequence[ContainerRecord]) -> Observation:
    """The stored end, for the containers of this request."""
    stored = {s.name: s for s in (*final.init_containers, *final.containers)}
    mirror = Terminated(0, "Completed", "ran in Kubernetes, not in the SLURM job")
    statuses = {c.name: stored.get(c.name) or _status(c, mirror, final.decided) for c in requested}
    return Observation(
        [statuses[c.name] for c in requested if c.kind != "app"],
        [statuses[c.name] for c in requested if c.kind == "app"],
        final=True,
    )


def _all_terminated(requested: Sequence[ContainerRecord], reason: str, message: str) -> Observation:
    """A pod that never ran: every container terminated with 1."""
    end = Terminated(1, reason, message)
    return Observation(
        [_status(c, end) for c in requested if c.kind != "app"],
        [_status(c, end) for c in requested if c.kind == "app"],
        final=True,
    )


def _status(
    container: ContainerRecord, end: Terminated, finished: float | None = None
) -> ContainerStatus:
    return ContainerStatus(
        name=container.name,
        state=ContainerState(terminated=msgspec.structs.replace(end, finished_at=at(finished))),
        ready=False,
        restart_count=0,
        image=container.image,
    )


def _answer(record: PodRecord, pod: Pod, observation: Observation) -> PodStatus:
    name = record.name or (pod.metadata.name if pod.metadata else None) or record.uid
    return PodStatus(
        name=name,
        uid=record.uid,
        namespace=record.namespace,
        jid=record.jid,
        containers=observation.containers,
        init_containers=observation.init_containers or None,
    )
