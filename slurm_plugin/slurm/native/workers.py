"""Worker processes with deadlines: one for reading, one for changing.

A worker that hangs (slurmctld frozen, rate limiting) is killed at its deadline, one that died
(libslurm's `fatal()`) is replaced, and the caller gets BackendUnavailable. pebble does this on
threads of its own; the standard library's pools can't kill a single task.
"""

import contextlib
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as DeadlineError
from pathlib import Path
from typing import TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from slurm_plugin.errors import BackendUnavailable, SlurmPluginError, UnexpectedAnswer
from slurm_plugin.slurm.native import capi

T = TypeVar("T")

_CLOSE_SECONDS = 5.0


class Worker:
    """One process that carries out one call after the other.

    Args:
        slurm_conf: value of SLURM_CONF; empty leaves the environment's.
    """

    def __init__(self, slurm_conf: str = "") -> None:
        self._slurm_conf = slurm_conf
        self._guard = threading.Lock()
        self._pool: ProcessPool | None = None
        self._closed = False
        self._replaced = 0
        self._fatal = ""
        with tempfile.NamedTemporaryFile(prefix="slurm-plugin-worker-", delete=False) as file:
            self._stderr = Path(file.name)

    @property
    def replaced(self) -> int:
        """How often a process died or was killed."""
        return self._replaced

    @property
    def fatal(self) -> str:
        """What the last process that ended by itself said; empty when none has."""
        return self._fatal

    def call(self, function: Callable[..., T], timeout: float, *args: object) -> T:
        """Carry out a function in the process.

        Args:
            function: importable by name, with picklable result.
            timeout: seconds, from now: waiting for earlier calls counts.
            *args: its arguments, picklable.

        Raises:
            BackendUnavailable: it overran, or the process died; `outcome_unknown` is set when
                the call may have been carried out.
            SlurmPluginError: the function raised it.
            UnexpectedAnswer: the function failed otherwise.
        """
        future = self._schedule(function, timeout, args)
        try:
            result: T = future.result(timeout)
        except (DeadlineError, CancelledError):
            future.cancel()  # type: ignore[no-untyped-call]
            raise self._overran(timeout) from None
        except ProcessExpired as error:
            raise self._died(error.exitcode) from None
        except SlurmPluginError:
            raise
        except Exception as error:
            raise UnexpectedAnswer(f"pyslurm failed: {type(error).__name__}: {error}") from error
        return result

    def close(self) -> None:
        """End the process; later calls are BackendUnavailable."""
        with self._guard:
            pool, self._pool, self._closed = self._pool, None, True
        if pool is not None:
            _end(pool)
        self._stderr.unlink(missing_ok=True)

    def _schedule(
        self, function: Callable[..., T], timeout: float, args: tuple[object, ...]
    ) -> "ProcessFuture[T]":
        with self._guard:
            if self._closed:
                raise BackendUnavailable("the plugin is stopping")
            if self._pool is not None and not self._pool.active:
                _end(self._pool)
                self._pool = None
            self._pool = self._pool or self._new_pool()
            try:
                return self._pool.schedule(
                    capi.carry_out,
                    args=(time.monotonic() + timeout, function, *args),
                    timeout=timeout,
                )
            except RuntimeError as error:  # it broke since the line above
                raise BackendUnavailable(f"no process to ask SLURM: {error}") from error

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            initializer=capi.begin,
            initargs=(str(self._stderr), self._slurm_conf),
            context=multiprocessing.get_context("spawn"),
        )

    def _overran(self, timeout: float) -> BackendUnavailable:
        said = capi.last_words(str(self._stderr))
        with self._guard:
            self._replaced += 1
        hint = f" ({said})" if said else ""
        return BackendUnavailable(
            f"SLURM did not answer within {timeout:g} s{hint}", outcome_unknown=True
        )

    def _died(self, exit_code: int) -> BackendUnavailable:
        said = capi.last_words(str(self._stderr)) or f"exit code {exit_code}"
        with self._guard:
            self._replaced += 1
            self._fatal = said
        return BackendUnavailable(
            f"the process that asked SLURM ended: {said}", outcome_unknown=True
        )


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    with contextlib.suppress(TimeoutError):
        pool.join(timeout=_CLOSE_SECONDS)
