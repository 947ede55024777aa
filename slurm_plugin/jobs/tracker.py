"""One picture of the queue for everybody.

Status requests come one pod at a time; each reads the same snapshot. A snapshot older than
StatusRefreshSeconds is renewed by one query, whoever asks first, on a thread of its own: nobody
waits for a slow slurmctld longer than a moment, and nobody asking means no query. A failed query
is not an answer: the last snapshot stands, and the next query comes later and later.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from slurm_plugin.errors import SlurmPluginError
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.slurm.base import Backend, JobInfo

_log = logging.getLogger(__name__)

# A query that takes t is repeated no sooner than after 4 t: the plugin never takes more than a
# fifth of one slurmctld thread.
_COST_FACTOR = 4.0
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tracked jobs at one moment.

    Attributes:
        asked: monotonic time just before SLURM was asked: what happened later is not in it.
        jobs: what SLURM said of the jobs it knows.
        missing_since: monotonic time from which a tracked job has been absent.
    """

    asked: float = float("-inf")
    jobs: Mapping[int, JobInfo] = field(default_factory=dict)
    missing_since: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackerFigures:
    """For `/system-info` and metrics; seconds."""

    tracked: int
    age: float | None
    last_duration: float
    pause: float
    refreshes: int
    failures: int
    last_error: str


class Tracker:
    """Snapshots of the tracked jobs.

    Args:
        backend: whom to ask.
        refresh_seconds: age from which a snapshot is renewed.
        clock: time.
        wait_seconds: how long a caller waits for a query under way.
    """

    def __init__(
        self, backend: Backend, refresh_seconds: float, clock: Clock, *, wait_seconds: float = 1.0
    ) -> None:
        self._backend = backend
        self._refresh_seconds = refresh_seconds
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="tracker")
        self._changed = threading.Condition()
        self._tracked: set[int] = set()
        self._snapshot = Snapshot()
        self._refreshing = False
        self._next_query = float("-inf")
        self._pause = refresh_seconds
        self._duration = 0.0
        self._refreshes = 0
        self._failures = 0
        self._consecutive_failures = 0
        self._last_error = ""

    def track(self, job_id: int) -> None:
        """Ask for this job from now on."""
        with self._changed:
            self._tracked.add(job_id)

    def untrack(self, job_id: int) -> None:
        """The job has ended or is gone: never ask for it again."""
        with self._changed:
            self._tracked.discard(job_id)

    def current(self) -> Snapshot:
        """The freshest snapshot that can be had within a moment.

        Starts a query when the snapshot is stale, and waits for it a little; an older snapshot
        is returned when that takes longer or fails.
        """
        with self._changed:
            if self._due():
                self._refreshing = True
                self._executor.submit(self._refresh)
            if self._refreshing and self._stale():
                self._changed.wait_for(lambda: not self._refreshing, timeout=self._wait_seconds)
            return self._snapshot

    def latest(self) -> Snapshot:
        """The snapshot as it is; asks nobody."""
        with self._changed:
            return self._snapshot

    def healthy(self) -> bool:
        """Whether the last query, if any, was answered."""
        return self._consecutive_failures == 0

    def figures(self) -> TrackerFigures:
        """Numbers about the snapshot."""
        with self._changed:
            asked = self._snapshot.asked
            return TrackerFigures(
                tracked=len(self._tracked),
                age=None if asked == float("-inf") else self._clock.monotonic() - asked,
                last_duration=self._duration,
                pause=self._pause,
                refreshes=self._refreshes,
                failures=self._failures,
                last_error=self._last_error,
            )

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _stale(self) -> bool:
        return self._clock.monotonic() - self._snapshot.asked >= self._refresh_seconds

    def _due(self) -> bool:
        return (
            bool(self._tracked)
            and not self._refreshing
            and self._stale()
            and self._clock.monotonic() >= self._next_query
        )

    def _refresh(self) -> None:
        # The time first: a job tracked before it is in the snapshot for certain.
        asked = self._clock.monotonic()
        with self._changed:
            wanted = frozenset(self._tracked)
        try:
            jobs = self._backend.query(wanted)
        except SlurmPluginError as error:
            failure = error
            self._settle(lambda: self._failed(failure))
        except Exception:  # one bad answer must not end the refreshing for good
            _log.exception("query failed in an unforeseen way")
            self._settle(lambda: self._failed(SlurmPluginError("query failed, see the log")))
        else:
            self._settle(lambda: self._succeeded(asked, wanted, jobs))

    def _settle(self, change: Callable[[], None]) -> None:
        with self._changed:
            change()
            self._refreshing = False
            self._changed.notify_all()

    def _failed(self, error: SlurmPluginError) -> None:
        self._failures += 1
        self._consecutive_failures += 1
        self._last_error = str(error)
        doubled = self._refresh_seconds * 2**self._consecutive_failures
        self._pause = min(_LONGEST_PAUSE, doubled)
        self._next_query = self._clock.monotonic() + self._pause
        _log.warning("SLURM can't be asked, next try in %.0f s: %s", self._pause, error)

    def _succeeded(self, asked: float, wanted: frozenset[int], jobs: Mapping[int, JobInfo]) -> None:
        before = self._snapshot.missing_since
        missing = {job: before.get(job, asked) for job in wanted if job not in jobs}
        self._snapshot = Snapshot(asked, jobs, missing)
        self._duration = self._clock.monotonic() - asked
        self._pause = max(self._refresh_seconds, _COST_FACTOR * self._duration)
        self._next_query = asked + self._pause
        self._refreshes += 1
        self._consecutive_failures = 0
        self._last_error = ""
