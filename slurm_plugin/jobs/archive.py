"""Jobs that left the queue: accounting knows them longer than slurmctld (MinJobAge, 300 s).

Asked for by id and time window only, all missing jobs in one query, and not more often than every
few seconds: an open query reads every user's history (691 s at a site, pyslurm issue 150).
"""

import logging
import threading
from collections.abc import Collection, Mapping

from slurm_plugin.errors import SlurmPluginError
from slurm_plugin.jobs.clock import Clock
from slurm_plugin.slurm.base import Backend, JobInfo

_log = logging.getLogger(__name__)

_PAUSE = 10.0
_WINDOW_MARGIN = 86400
_MOST_IDS = 200


class Archive:
    """What accounting said of missing jobs."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock
        self._guard = threading.Lock()
        self._wanted: dict[int, float] = {}
        self._answered: set[int] = set()
        self._found: dict[int, JobInfo] = {}
        self._next = float("-inf")

    def job(self, job_id: int, submitted: float) -> JobInfo | None:
        """How a job ended by accounting, None while that is not known; asks for it later.

        Args:
            job_id: the missing job.
            submitted: epoch seconds of its submission.
        """
        with self._guard:
            if job_id not in self._found:
                self._wanted[job_id] = submitted
            return self._found.get(job_id)

    def asked(self, job_id: int) -> bool:
        """Whether accounting was asked for the job, and answered, at least once."""
        with self._guard:
            return job_id in self._answered

    def forget(self, job_ids: Collection[int]) -> None:
        """These jobs are settled."""
        with self._guard:
            for job_id in job_ids:
                self._wanted.pop(job_id, None)
                self._answered.discard(job_id)
                self._found.pop(job_id, None)

    def refresh(self) -> None:
        """Ask for the missing jobs when it is time; errors leave them missing."""
        with self._guard:
            due = self._wanted and self._clock.monotonic() >= self._next
            wanted = dict(list(self._wanted.items())[:_MOST_IDS]) if due else {}
        if not wanted:
            return
        since = int(min(wanted.values())) - _WINDOW_MARGIN
        until = int(self._clock.now()) + _WINDOW_MARGIN
        try:
            found = self._backend.history(frozenset(wanted), since, until)
        except SlurmPluginError as error:
            _log.warning("accounting can't be asked: %s", error)
        else:
            self._note(wanted, found)
        with self._guard:
            self._next = self._clock.monotonic() + _PAUSE

    def _note(self, wanted: Collection[int], found: Mapping[int, JobInfo]) -> None:
        with self._guard:
            # A job that accounting shows as running has left the queue all the same: slurmdbd is
            # late, or will never hear of its end (a "runaway" job, sacctmgr(1)).
            self._found.update({k: job for k, job in found.items() if job.state.is_terminal})
            for job_id in wanted:
                self._answered.add(job_id)
                # Asked again after the others: a job that ended just now may reach slurmdbd late.
                submitted = self._wanted.pop(job_id, None)
                if submitted is not None and job_id not in self._found:
                    self._wanted[job_id] = submitted
