"""Everything that runs behind the endpoints, put together."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slurm_plugin.config.settings import Settings
from slurm_plugin.errors import BackendUnavailable, SlurmPluginError
from slurm_plugin.jobs.archive import Archive
from slurm_plugin.jobs.capacity import Capacity
from slurm_plugin.jobs.clock import Clock, SystemClock
from slurm_plugin.jobs.deletion import Reaper
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.housekeeper import Housekeeper
from slurm_plugin.jobs.locks import PodLocks
from slurm_plugin.jobs.observer import Observer
from slurm_plugin.jobs.reconciliation import Reconciler
from slurm_plugin.jobs.same_job import SameJob
from slurm_plugin.jobs.service import PodService
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.jobs.submission import Submitter
from slurm_plugin.jobs.tracker import Tracker
from slurm_plugin.slurm.base import Backend


@dataclass(frozen=True)
class Plugin:
    """The parts that the HTTP side sees.

    Attributes:
        pods: create, status, delete.
        store: the data folder, for logs.
        capacity: the ping's answer.
        backend: SLURM.
        backend_reason: which backend was chosen and why, one sentence.
        tracker: the picture of the queue.
        capacity_keeper: renews the capacity in the background.
    """

    pods: PodService
    store: PodStore
    capacity: Capacity
    backend: Backend
    backend_reason: str
    tracker: Tracker
    capacity_keeper: Housekeeper

    def start(self) -> None:
        """Begin the background work.

        Raises:
            ConfigError: another plugin uses the data folder.
            StorageFailed: the data folder can't be used.
        """
        self.pods.start()
        self.capacity_keeper.start()

    def close(self) -> None:
        """End the background work and the backend's workers."""
        self.capacity_keeper.close()
        self.pods.close()
        self.backend.close()

    def check_ready(self) -> None:
        """Return when SLURM answers.

        Raises:
            BackendUnavailable: it does not.
        """
        if not self.pods.recovered():
            raise BackendUnavailable("the data folder is still being looked through", retry_after=1)
        self.backend.info()

    def system_info(self) -> dict[str, Any]:
        """The Go plugin's keys, and ours (contract, section 1.7)."""
        answer: dict[str, Any] = {
            "status": "ok",
            "timestamp": datetime.now(UTC),
            "slurm_connected": True,
            "backend": self.backend.name,
            "backend_reason": self.backend_reason,
            "queue": self.tracker.figures(),
            **self.pods.figures(),
        }
        try:
            info = self.backend.info()
        except SlurmPluginError as error:
            return {**answer, "status": "warning", "slurm_connected": False, "error": str(error)}
        return {**answer, "slurm_release": info.slurm_release, "backend_detail": info.detail}


def build(
    settings: Settings,
    backend: Backend,
    backend_reason: str,
    *,
    clock: Clock | None = None,
    files: Files | None = None,
) -> Plugin:
    """Wire the parts together; nothing runs before `start`."""
    clock = clock or SystemClock()
    store = PodStore(settings.jobs.data_root_folder, files or Files())
    locks = PodLocks()
    tracker = Tracker(backend, settings.slurm.status_refresh_seconds, clock)
    archive = Archive(backend, clock)
    observer = Observer(
        store=store,
        locks=locks,
        tracker=tracker,
        archive=archive,
        same_job=SameJob(backend),
        clock=clock,
        lost_after=settings.slurm.job_lost_after_seconds,
    )
    submitter = Submitter(backend, store, tracker, clock)
    reaper = Reaper(backend, store, tracker, clock)
    reconciler = Reconciler(
        backend=backend,
        store=store,
        locks=locks,
        submitter=submitter,
        reaper=reaper,
        observer=observer,
        tracker=tracker,
        clock=clock,
        interval=settings.jobs.reconcile_seconds,
        retain_seconds=settings.jobs.retain_finished_seconds,
        orphans=settings.jobs.orphaned_jobs,
    )
    pods = PodService(
        settings=settings,
        store=store,
        locks=locks,
        submitter=submitter,
        reaper=reaper,
        observer=observer,
        reconciler=reconciler,
        tracker=tracker,
        clock=clock,
    )
    capacity = Capacity(backend, settings.capacity, clock)
    return Plugin(
        pods=pods,
        store=store,
        capacity=capacity,
        backend=backend,
        backend_reason=backend_reason,
        tracker=tracker,
        capacity_keeper=Housekeeper([capacity.refresh]),
    )
