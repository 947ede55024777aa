"""A backend that counts: every question to SLURM, its time and how it failed."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol, TypeVar

from slurm_plugin.errors import SlurmPluginError
from slurm_plugin.slurm.base import Backend, BackendInfo, JobInfo, JobSpec, NodeInfo
from slurm_plugin.telemetry.tracing import span

T = TypeVar("T")


@dataclass(slots=True)
class CallCount:
    """For `/system-info`: how often, how often in vain, seconds in all."""

    calls: int = 0
    errors: int = 0
    seconds: float = 0.0


class CallObserver(Protocol):
    """Whom every call is told."""

    def backend_call(self, backend: str, call: str, seconds: float, error: str) -> None:
        """One call ended.

        Args:
            backend: its name.
            call: the method.
            seconds: how long it took.
            error: class of the error; empty for none.
        """


class MeasuredBackend:
    """Another backend, counted; see `slurm_plugin.slurm.base.Backend`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._guard = threading.Lock()
        self._counts: dict[str, CallCount] = {}
        self._observer: CallObserver | None = None

    def report_to(self, observer: CallObserver) -> None:
        """Tell every call from now on."""
        self._observer = observer

    def counts(self) -> dict[str, CallCount]:
        """By method."""
        with self._guard:
            return {
                call: CallCount(count.calls, count.errors, round(count.seconds, 3))
                for call, count in sorted(self._counts.items())
            }

    @property
    def name(self) -> str:
        """The other's name."""
        return self._backend.name

    @property
    def worker_restarts(self) -> int:
        """How often a worker died or was killed; 0 for a backend without workers."""
        restarts: int = getattr(self._backend, "worker_restarts", 0)
        return restarts

    def submit(self, spec: JobSpec) -> int:
        """Submit one job; returns its id."""
        return self._measured("submit", lambda: self._backend.submit(spec))

    def query(self, job_ids: Collection[int]) -> Mapping[int, JobInfo]:
        """State of these jobs."""
        return self._measured("query", lambda: self._backend.query(job_ids))

    def lookup(self, job_id: int) -> JobInfo | None:
        """One job with name and comment."""
        return self._measured("lookup", lambda: self._backend.lookup(job_id))

    def find(self, name: str) -> Sequence[JobInfo]:
        """All jobs in the queue with this name, newest last."""
        return self._measured("find", lambda: self._backend.find(name))

    def marked(self, comment_prefix: str) -> Sequence[JobInfo]:
        """All jobs in the queue whose comment begins so."""
        return self._measured("marked", lambda: self._backend.marked(comment_prefix))

    def signal(self, job_ids: Collection[int], signal: int) -> None:
        """Send a signal to the batch scripts of running jobs."""
        self._measured("signal", lambda: self._backend.signal(job_ids, signal))

    def cancel(self, job_ids: Collection[int]) -> None:
        """Cancel; jobs that ended or are unknown are not an error."""
        self._measured("cancel", lambda: self._backend.cancel(job_ids))

    def nodes(self) -> Sequence[NodeInfo]:
        """All nodes of the cluster."""
        return self._measured("nodes", self._backend.nodes)

    def history(self, job_ids: Collection[int], since: int, until: int) -> Mapping[int, JobInfo]:
        """What accounting knows of these jobs."""
        return self._measured("history", lambda: self._backend.history(job_ids, since, until))

    def info(self) -> BackendInfo:
        """What is at the other end."""
        return self._measured("info", self._backend.info)

    def close(self) -> None:
        """End the other's workers."""
        self._backend.close()

    def _measured(self, call: str, ask: Callable[[], T]) -> T:
        began = perf_counter()
        error = ""
        try:
            with span(f"slurm.{call}", {"slurm.backend": self.name}):
                return ask()
        except SlurmPluginError as failure:
            error = type(failure).__name__
            raise
        except Exception:
            error = "Unforeseen"
            raise
        finally:
            self._note(call, perf_counter() - began, error)

    def _note(self, call: str, seconds: float, error: str) -> None:
        with self._guard:
            count = self._counts.setdefault(call, CallCount())
            count.calls += 1
            count.errors += bool(error)
            count.seconds += seconds
        if self._observer is not None:
            self._observer.backend_call(self.name, call, seconds, error)
