"""A SLURM cluster in memory, as small as the plugin's rules allow.

Jobs start at once unless their partition is down; they end when a test says so, or when they are
cancelled. What a test can do beyond `Backend`: make the next calls fail or hang, set states, add
other people's jobs, let slurmctld forget jobs, and look at what was called.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from slurm_plugin.errors import BackendUnavailable, SlurmPluginError, SlurmRefused
from slurm_plugin.slurm.base import BackendInfo, JobInfo, JobSpec, NodeInfo
from slurm_plugin.slurm.states import JobFlag, JobState

RELEASE = "26.05.5"
INVALID_PARTITION = "Invalid partition name specified"
FOREIGN_USER = 4242
_TERM = 15
_KILL = 9
_ENDS_JOBS = frozenset({_TERM, _KILL})
_FREE = frozenset({JobState.PENDING, JobState.RUNNING, JobState.SUSPENDED})


@dataclass(slots=True)
class _Fault:
    """What becomes of one call: an error before or after it was carried out."""

    error: Exception
    after_effect: bool = False


@dataclass(slots=True)
class _Held:
    """A job of the fake with what `JobInfo` does not say."""

    info: JobInfo
    spec: JobSpec | None = None
    forgotten: bool = False
    signals: list[int] = field(default_factory=list)


class FakeBackend:
    """See the module docstring.

    Args:
        partitions: names that exist; a job without `partition` goes to the first.
        now: epoch seconds of the cluster's clock.
        user_id: numeric user that jobs without a uid run as.
        accounting: whether `history` knows anything.
        heeds_term: whether running jobs end with COMPLETED when they are sent SIGTERM.
    """

    def __init__(
        self,
        *,
        partitions: Sequence[str] = ("main", "other"),
        now: Callable[[], float] = time.time,
        user_id: int = 1000,
        accounting: bool = True,
        heeds_term: bool = False,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.asked: list[frozenset[int]] = []
        self.accounting = accounting
        self.heeds_term = heeds_term
        self._partitions = tuple(partitions)
        self._now = now
        self._user_id = user_id
        self._guard = threading.RLock()
        self._jobs: dict[int, _Held] = {}
        self._down: set[str] = set()
        self._faults: dict[str, deque[_Fault]] = {}
        self._outage: Exception | None = None
        self._delays: dict[str, float] = {}
        self._nodes: list[NodeInfo] = [NodeInfo("n1", 4, 8000, partitions=self._partitions)]
        self._next_id = 1
        self._closed = False

    @property
    def name(self) -> str:
        return "fake"

    # What the plugin calls -----------------------------------------------------------------

    def submit(self, spec: JobSpec) -> int:
        fault = self._enter("submit")
        with self._guard:
            job_id = self._add(spec)
        self._leave(fault)
        return job_id

    def query(self, job_ids: Collection[int]) -> Mapping[int, JobInfo]:
        fault = self._enter("query")
        with self._guard:
            self.asked.append(frozenset(job_ids))
            known = {held.info.job_id: held.info for held in self._queue()}
        self._leave(fault)
        return {job: replace(known[job], name="", comment="") for job in job_ids if job in known}

    def lookup(self, job_id: int) -> JobInfo | None:
        fault = self._enter("lookup")
        with self._guard:
            found = [held.info for held in self._queue() if held.info.job_id == job_id]
        self._leave(fault)
        return found[0] if found else None

    def find(self, name: str) -> Sequence[JobInfo]:
        fault = self._enter("find")
        with self._guard:
            found = [held.info for held in self._queue() if held.info.name == name]
        self._leave(fault)
        return found

    def marked(self, comment_prefix: str) -> Sequence[JobInfo]:
        fault = self._enter("marked")
        with self._guard:
            jobs = [held.info for held in self._queue()]
        self._leave(fault)
        return [job for job in jobs if job.comment.startswith(comment_prefix)]

    def signal(self, job_ids: Collection[int], signal: int) -> None:
        fault = self._enter("signal")
        with self._guard:
            for held in self._queue():
                if held.info.job_id in job_ids and held.info.state is JobState.RUNNING:
                    held.signals.append(signal)
                    if self.heeds_term and signal == _TERM:
                        self._set(held.info.job_id, JobState.COMPLETED)
        self._leave(fault)

    def cancel(self, job_ids: Collection[int]) -> None:
        fault = self._enter("cancel")
        with self._guard:
            held = [h for h in self._queue() if h.info.job_id in job_ids]
            if any(h.info.user_id == FOREIGN_USER for h in held):
                raise SlurmRefused("Access/permission denied")
            for job in held:
                self._cancel(job.info)
        self._leave(fault)

    def nodes(self) -> Sequence[NodeInfo]:
        fault = self._enter("nodes")
        with self._guard:
            nodes = list(self._nodes)
        self._leave(fault)
        return nodes

    def history(self, job_ids: Collection[int], since: int, until: int) -> Mapping[int, JobInfo]:
        fault = self._enter("history")
        with self._guard:
            known = {h.info.job_id: h.info for h in self._jobs.values()} if self.accounting else {}
        self._leave(fault)
        return {
            job: replace(known[job], comment="")
            for job in job_ids
            if job in known and since <= (known[job].submit_time or 0) <= until
        }

    def info(self) -> BackendInfo:
        self._leave(self._enter("info"))
        return BackendInfo("fake", RELEASE, "in memory")

    def close(self) -> None:
        self._closed = True

    # What tests do -------------------------------------------------------------------------

    def fail_next(
        self, method: str, error: Exception, *, times: int = 1, after_effect: bool = False
    ) -> None:
        """The next calls of the method raise; `after_effect`: they do their work first."""
        with self._guard:
            faults = self._faults.setdefault(method, deque())
            faults.extend(_Fault(error, after_effect) for _ in range(times))

    def go_away(self, error: Exception | None = None) -> None:
        """Every call fails from now on and does nothing."""
        with self._guard:
            self._outage = error or BackendUnavailable("Unable to contact slurm controller")

    def come_back(self) -> None:
        """Calls work again."""
        with self._guard:
            self._outage = None

    def delay(self, method: str, seconds: float) -> None:
        """Calls of the method take this long from now on."""
        with self._guard:
            self._delays[method] = seconds

    def set_partition(self, name: str, *, up: bool) -> None:
        """Take a partition down, where jobs stay pending, or up again, which starts them."""
        with self._guard:
            (self._down.discard if up else self._down.add)(name)
            for held in list(self._jobs.values()):
                if up and held.info.state is JobState.PENDING and self._partition(held) == name:
                    held.info = self._started(held.info)

    def set_nodes(self, nodes: Sequence[NodeInfo]) -> None:
        """The nodes of the cluster."""
        with self._guard:
            self._nodes = list(nodes)

    def set_state(
        self,
        job_id: int,
        state: JobState,
        *flags: JobFlag,
        exit_code: int = 0,
        signal: int = 0,
        **changes: object,
    ) -> None:
        """Put a job into a state; `changes` are further fields of JobInfo."""
        with self._guard:
            self._set(job_id, state, *flags, exit_code=exit_code, signal=signal, **changes)

    def add_foreign_job(self, *, name: str = "theirs", comment: str = "", **changes: object) -> int:
        """Another user's running job; returns its id."""
        with self._guard:
            job_id = self._take_id()
            info = JobInfo(job_id, JobState.PENDING, name=name, comment=comment)
            info = replace(self._started(info), user_id=FOREIGN_USER, submit_time=self._time())
            self._jobs[job_id] = _Held(replace(info, **changes))  # type: ignore[arg-type]
            return job_id

    def forget_ended(self) -> None:
        """slurmctld purges ended jobs (MinJobAge); accounting keeps them."""
        with self._guard:
            for held in self._jobs.values():
                held.forgotten = held.forgotten or held.info.state not in _FREE

    def lose_job(self, job_id: int) -> None:
        """Neither queue nor accounting knows the job any more."""
        with self._guard:
            del self._jobs[job_id]

    def job(self, job_id: int) -> JobInfo:
        """A job as the cluster has it, forgotten or not."""
        with self._guard:
            return self._jobs[job_id].info

    def spec(self, job_id: int) -> JobSpec:
        """What a job was submitted with."""
        with self._guard:
            spec = self._jobs[job_id].spec
        assert spec is not None
        return spec

    def signals(self, job_id: int) -> list[int]:
        """Signals that a job was sent, without those of cancel."""
        with self._guard:
            return list(self._jobs[job_id].signals)

    def job_ids(self, name: str | None = None) -> list[int]:
        """All jobs that were ever submitted, or those of this name."""
        with self._guard:
            infos = [held.info for held in self._jobs.values()]
        return [job.job_id for job in infos if name is None or job.name == name]

    @property
    def closed(self) -> bool:
        return self._closed

    # Inside --------------------------------------------------------------------------------

    def _enter(self, method: str) -> _Fault | None:
        with self._guard:
            assert not self._closed, f"{method} after close"
            self.calls[method] += 1
            delay = self._delays.get(method, 0.0)
            outage = self._outage
            faults = self._faults.get(method)
            fault = faults.popleft() if faults else None
        if delay:
            time.sleep(delay)
        if outage is not None:
            raise outage
        if fault is not None and not fault.after_effect:
            raise fault.error
        return fault

    def _leave(self, fault: _Fault | None) -> None:
        if fault is not None:
            raise fault.error

    def _queue(self) -> list[_Held]:
        return [held for held in self._jobs.values() if not held.forgotten]

    def _time(self) -> int:
        return int(self._now())

    def _take_id(self) -> int:
        job_id, self._next_id = self._next_id, self._next_id + 1
        return job_id

    def _add(self, spec: JobSpec) -> int:
        wanted = next((o.value for o in spec.options if o.name == "partition"), None)
        if wanted is not None and wanted not in self._partitions:
            raise SlurmRefused(INVALID_PARTITION)
        job_id = self._take_id()
        info = JobInfo(
            job_id,
            JobState.PENDING,
            reason="PartitionDown",
            submit_time=self._time(),
            user_id=self._user_id if spec.uid is None else spec.uid,
            name=spec.name,
            comment=spec.comment,
        )
        held = _Held(info, spec)
        if self._partition(held) not in self._down:
            held.info = self._started(info)
        self._jobs[job_id] = held
        return job_id

    def _partition(self, held: _Held) -> str:
        options = held.spec.options if held.spec else ()
        return (
            next((o.value for o in options if o.name == "partition" and o.value), "")
            or (self._partitions[0])
        )

    def _started(self, info: JobInfo) -> JobInfo:
        return replace(info, state=JobState.RUNNING, reason="", start_time=self._time(), nodes="n1")

    def _cancel(self, info: JobInfo) -> None:
        """Measured on 26.05: a pending job shows 0:0, a running one 0:15."""
        if info.state in _FREE:
            signal = 0 if info.state is JobState.PENDING else _TERM
            self._set(info.job_id, JobState.CANCELLED, signal=signal)

    def _set(self, job_id: int, state: JobState, *flags: JobFlag, **changes: object) -> None:
        held = self._jobs[job_id]
        ended = None if state in _FREE or state is JobState.UNKNOWN else self._time()
        base = replace(held.info, state=state, flags=frozenset(flags), end_time=ended)
        held.info = replace(base, **changes)  # type: ignore[arg-type]


def away(*, outcome_unknown: bool = False) -> SlurmPluginError:
    """SLURM does not answer."""
    return BackendUnavailable("SLURM does not answer", outcome_unknown=outcome_unknown)
