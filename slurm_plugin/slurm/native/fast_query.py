"""Asks with the native query module what costs slurmctld least. Runs in worker processes.

- Up to two jobs: one by one, an RPC that slurmctld answers from its hash table.
- An ordinary user: the jobs of this user, filtered by slurmctld. Jobs that are not among them
  (someone else's, or gone from the queue) are asked for beside it, and not again for a minute.
- Root, whose jobs belong to many users: the whole table with the time stamp of the last answer;
  slurmctld answers "no change" without sending it.
"""

import importlib
import time
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple, Protocol

from slurm_plugin.slurm.native.errno_meaning import INVALID_JOB_ID
from slurm_plugin.slurm.native.rows import Row

MODULE: Final = "slurm_plugin_fastquery"
"""What build.py calls it; that one imports more than a worker needs."""
_FEW_JOBS: Final = 2
# How long "no change" and "no such job" are believed: a clock that was set back would make
# slurmctld say the one for hours, a slurmctld that recovers its state the other for a moment.
_BELIEVED_SECONDS: Final = 60.0


class Module(Protocol):
    """The compiled module; see fastquery.pyx. Its calls raise OSError with libslurm's errno."""

    built_for: int

    def library(self) -> int:
        """Number of the libslurm that is loaded."""

    def jobs_of_user(
        self, user_id: int, wanted: Collection[int] | None = None, named: bool = False
    ) -> list[Row]:
        """Rows of one user's jobs."""

    def all_jobs(
        self, since: int, wanted: Collection[int] | None = None, named: bool = False
    ) -> tuple[int, list[Row]] | None:
        """Time stamp and rows of all jobs, or None: no change."""

    def one_job(self, job_id: int) -> list[Row]:
        """Named rows for one id."""


class FastQuery:
    """Queries by the module; every method raises OSError with libslurm's errno.

    Args:
        module: the compiled module.
        user_id: whose jobs the plugin's are; 0 for those of many users.
        now: monotonic seconds.
    """

    def __init__(
        self, module: Module, user_id: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._module = module
        self._user_id = user_id
        self._now = now
        self._stamp = 0
        self._loaded = float("-inf")
        self._wanted: frozenset[int] = frozenset()
        self._rows: list[Row] = []
        self._absent: dict[int, float] = {}

    def query(self, job_ids: Collection[int]) -> list[Row]:
        """Rows of these jobs, without names."""
        wanted = frozenset(job_ids)
        if len(wanted) <= _FEW_JOBS:
            return self._one_by_one(wanted)
        if self._user_id == 0:
            return self._from_table(wanted)
        rows = self._module.jobs_of_user(self._user_id, wanted)
        return rows + self._others(wanted.difference(row[0] for row in rows))

    def lookup(self, job_id: int) -> Row | None:
        """One job with name and comment; None for an id that slurmctld does not know."""
        try:
            rows = self._module.one_job(job_id)
        except OSError as error:
            if error.errno == INVALID_JOB_ID:
                return None
            raise
        # The id of an array names all its tasks.
        return next((row for row in rows if row[0] == job_id), None)

    def named(self) -> list[Row]:
        """All jobs that can be the plugin's, with name and comment."""
        if self._user_id:
            return self._module.jobs_of_user(self._user_id, None, True)
        answer = self._module.all_jobs(0, None, True)
        return answer[1] if answer else []

    def _one_by_one(self, wanted: Iterable[int]) -> list[Row]:
        found = (self.lookup(job_id) for job_id in wanted)
        return [row[:11] for row in found if row is not None]

    def _from_table(self, wanted: frozenset[int]) -> list[Row]:
        believed = self._now() - self._loaded < _BELIEVED_SECONDS
        known = believed and wanted <= self._wanted
        asked = self._now()
        answer = self._module.all_jobs(self._stamp if known else 0, wanted)
        if answer is not None:
            self._stamp, self._rows = answer
            self._wanted, self._loaded = wanted, asked
        return [row for row in self._rows if row[0] in wanted]

    def _others(self, missing: frozenset[int]) -> list[Row]:
        """Jobs that are not this user's, if they are in the queue at all."""
        now = self._now()
        self._absent = {
            job_id: since
            for job_id, since in self._absent.items()
            if job_id in missing and now - since < _BELIEVED_SECONDS
        }
        doubtful = missing.difference(self._absent)
        if not doubtful:
            return []
        if len(doubtful) <= _FEW_JOBS:
            rows = self._one_by_one(doubtful)
        else:
            answer = self._module.all_jobs(0, doubtful)
            rows = answer[1] if answer else []
        found = {row[0] for row in rows}
        self._absent.update((job_id, now) for job_id in doubtful if job_id not in found)
        return rows


class Loaded(NamedTuple):
    """The module, or why there is none.

    Attributes:
        query: None where pyslurm's own calls must do.
        detail: half a sentence for people.
    """

    query: FastQuery | None
    detail: str


def load(user_id: int, import_module: Callable[[str], Module] | None = None) -> Loaded:
    """Load the module, if it is built and fits libslurm. pyslurm must be initialised before.

    Args:
        user_id: see FastQuery.
        import_module: replaced by tests.
    """
    try:
        module: Module = (import_module or importlib.import_module)(MODULE)
    except ModuleNotFoundError:
        return Loaded(None, "pyslurm's own query, since the native query module is not built")
    except ImportError as error:
        return Loaded(None, f"pyslurm's own query, since {MODULE} can't be loaded: {error}")
    if module.library() != module.built_for:
        return Loaded(
            None, "pyslurm's own query, since the native query module was built for another SLURM"
        )
    how = "one user's jobs" if user_id else "the whole queue with its time stamp"
    return Loaded(FastQuery(module, user_id), f"native query of {how}")
