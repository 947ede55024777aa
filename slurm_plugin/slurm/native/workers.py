"""Worker processes with deadlines: one for reading, one for changing.

A worker that hangs (slurmctld frozen, rate limiting) is killed at its deadline, one that died
(libslurm's `fatal()`) is replaced, and the caller gets BackendUnavailable. pebble does this on
threads of its own; the standard library's pools can't kill a single task.
"""

import contextlib
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as DeadlineError
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from slurm_plugin.errors import BackendUnavailable, SlurmPluginError, UnexpectedAnswer
from slurm_plugin.slurm.native import capi

T = TypeVar("T")

# Beyond a task's own deadline: time for the kill and for a new worker to start.
_MARGIN = 2.0


class Worker:
    """One process that carries out one call after the other.

    Args:
        slurm_conf: value of SLURM_CONF; empty leaves the environment's.
        begin: prepares a new process; replaced by tests.
    """

    def __init__(
        self, slurm_conf: str = "", begin: Callable[[str, str], None] = capi.begin
    ) -> None:
        self._slurm_conf = slurm_conf
        self._begin = begin
        self._guard = threading.Lock()
        self._pool: ProcessPool | None = None
        descriptor, self._stderr = tempfile.mkstemp(prefix="slurm-plugin-worker-")
        os.close(descriptor)
        self._replaced = 0

    @property
    def replaced(self) -> int:
        """How often a process died or was killed."""
        return self._replaced

    def call(self, function: Callable[..., T], timeout: float, *args: object) -> T:
        """Carry out a function in the process.

        Args:
            function: importable by name, with picklable result.
            timeout: seconds, from now.
            *args: its arguments, picklable.

        Raises:
            BackendUnavailable: it overran, or the process died; `outcome_unknown` is set.
            SlurmPluginError: the function raised it.
            UnexpectedAnswer: the function failed otherwise.
        """
        future = self._open().schedule(function, args=args, timeout=timeout)
        try:
            result: T = future.result(timeout + _MARGIN)
        except (DeadlineError, CancelledError):
            future.cancel()  # type: ignore[no-untyped-call]
            self._replaced += 1
            raise BackendUnavailable(
                f"SLURM did not answer within {timeout:g} s", outcome_unknown=True
            ) from None
        except ProcessExpired as error:
            self._replaced += 1
            said = capi.last_words(self._stderr) or f"exit code {error.exitcode}"
            raise BackendUnavailable(
                f"the process that asked SLURM ended: {said}", outcome_unknown=True
            ) from None
        except SlurmPluginError:
            raise
        except Exception as error:
            raise UnexpectedAnswer(f"pyslurm failed: {type(error).__name__}: {error}") from error
        return result

    def close(self) -> None:
        """End the process."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join(timeout=5)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._stderr)  # noqa: PTH108 - a plain name from mkstemp

    def _open(self) -> ProcessPool:
        with self._guard:
            if self._pool is None or not self._pool.active:
                self._pool = ProcessPool(
                    max_workers=1,
                    initializer=self._begin,
                    initargs=(self._stderr, self._slurm_conf),
                    context=multiprocessing.get_context("spawn"),
                )
            return self._pool
