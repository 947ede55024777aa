"""The pyslurm backend."""

import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.errors import BackendUnavailable, UnexpectedAnswer
from slurm_plugin.slurm.base import Backend, BackendInfo, JobInfo, JobSpec, NodeInfo
from slurm_plugin.slurm.commands.backend import CommandsBackend
from slurm_plugin.slurm.native import capi
from slurm_plugin.slurm.native.rows import Decoder
from slurm_plugin.slurm.native.workers import Worker
from slurm_plugin.slurm.options import native_arguments, unmapped_options

_log = logging.getLogger(__name__)

T = TypeVar("T")


class PyslurmBackend:
    """SLURM by its C API; see `slurm_plugin.slurm.base.Backend`.

    Args:
        settings: time-outs, SLURM_CONF, what becomes of options that pyslurm can't express.
        commands: makes the backend for such options.
    """

    def __init__(
        self,
        settings: SlurmSettings,
        commands: Callable[[SlurmSettings], Backend] = CommandsBackend,
    ) -> None:
        self._settings = settings
        self._reader = Worker(settings.slurm_conf)
        self._writer = Worker(settings.slurm_conf)
        self._make_commands = commands
        self._commands: Backend | None = None
        self._guard = threading.Lock()
        self._decoder = Decoder()

    @property
    def name(self) -> str:
        """`pyslurm`."""
        return "pyslurm"

    @property
    def worker_restarts(self) -> int:
        """How often a worker died or was killed at its deadline."""
        return self._reader.replaced + self._writer.replaced

    def submit(self, spec: JobSpec) -> int:
        """Submit one job; by sbatch where pyslurm can't express an option."""
        unmapped = unmapped_options(spec.options)
        if unmapped and self._settings.unmapped_options == "sbatch":
            _log.info("through sbatch, for --%s", ", --".join(unmapped))
            return self._by_commands().submit(spec)
        native_arguments(spec.options)  # says what can't be expressed before a worker is asked
        return self._writer.call(capi.submit, self._settings.submit_timeout_seconds, spec)

    def query(self, job_ids: Collection[int]) -> Mapping[int, JobInfo]:
        """State of these jobs."""
        if not job_ids:
            return {}
        answer = self._read(capi.query_rows, tuple(job_ids))
        return answer if isinstance(answer, dict) else self._decoder.jobs(answer)

    def lookup(self, job_id: int) -> JobInfo | None:
        """One job with name and comment."""
        return self._read(capi.lookup, job_id)

    def find(self, name: str) -> Sequence[JobInfo]:
        """All jobs in the queue with this name, newest last."""
        return self._read(capi.find, name)

    def marked(self, comment_prefix: str) -> Sequence[JobInfo]:
        """All jobs in the queue whose comment begins so."""
        return self._read(capi.marked, comment_prefix)

    def signal(self, job_ids: Collection[int], signal: int) -> None:
        """Send a signal to the batch scripts of running jobs."""
        if job_ids:
            self._write(capi.signal, tuple(job_ids), signal)

    def cancel(self, job_ids: Collection[int]) -> None:
        """Cancel; jobs that ended or are unknown are not an error."""
        if job_ids:
            self._write(capi.cancel, tuple(job_ids))

    def nodes(self) -> Sequence[NodeInfo]:
        """All nodes of the cluster."""
        return self._read(capi.nodes)

    def history(self, job_ids: Collection[int], since: int, until: int) -> Mapping[int, JobInfo]:
        """What accounting knows of these jobs."""
        return self._read(capi.history, tuple(job_ids), since, until) if job_ids else {}

    def info(self) -> BackendInfo:
        """Slurmctld's release, from slurmctld."""
        release = self._read(capi.controller_release)
        detail = f"pyslurm {self._read(capi.release)}, {self._read(capi.query_detail)}"
        return BackendInfo("pyslurm", release, detail)

    def problem(self, timeout: float) -> str:
        """Load pyslurm and ask slurmctld, once.

        Args:
            timeout: seconds for both.

        Returns:
            Why pyslurm can't work on this host; empty when it can. That slurmctld is away or slow
            is no reason: it comes back.
        """
        try:
            self._reader.call(capi.controller_release, timeout)
        except UnexpectedAnswer as error:
            return str(error)
        except BackendUnavailable:
            # libslurm ends its process where it finds no settings, among others.
            return self._reader.fatal
        return ""

    def close(self) -> None:
        """End the workers."""
        self._reader.close()
        self._writer.close()
        with self._guard:
            if self._commands is not None:
                self._commands.close()

    def _read(self, function: Callable[..., T], *args: object) -> T:
        try:
            return self._reader.call(function, self._settings.query_timeout_seconds, *args)
        except BackendUnavailable as error:
            error.outcome_unknown = False
            raise

    def _write(self, function: Callable[..., T], *args: object) -> T:
        return self._writer.call(function, self._settings.query_timeout_seconds, *args)

    def _by_commands(self) -> Backend:
        with self._guard:
            if self._commands is None:
                self._commands = self._make_commands(self._settings)
            return self._commands
