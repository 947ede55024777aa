"""Which backend the plugin uses, decided once at its start."""

import logging
from collections.abc import Callable

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.errors import BackendUnavailable, ConfigError, SlurmPluginError, UnexpectedAnswer
from slurm_plugin.slurm.base import Backend
from slurm_plugin.slurm.commands.backend import CommandsBackend
from slurm_plugin.slurm.native.backend import PyslurmBackend

_log = logging.getLogger(__name__)

_TRIAL_SECONDS = 30.0


def open_backend(
    settings: SlurmSettings,
    *,
    native: Callable[[SlurmSettings], PyslurmBackend] = PyslurmBackend,
    commands: Callable[[SlurmSettings], Backend] = CommandsBackend,
) -> tuple[Backend, str]:
    """Choose the backend by the settings and a trial of pyslurm.

    Returns:
        The backend, and why it was taken, in one sentence.

    Raises:
        ConfigError: pyslurm was demanded and can't work on this host.
    """
    if settings.backend == "commands":
        return commands(settings), "Backend is set to commands"
    backend = native(settings)
    problem = _trial(backend)
    if problem is None:
        how = "pyslurm works" if settings.backend == "auto" else "Backend is set to pyslurm"
        return backend, how
    backend.close()
    if settings.backend == "pyslurm":
        raise ConfigError([f"Backend is pyslurm, but {problem}"])
    _log.warning("using the SLURM commands, since %s", problem)
    return commands(settings), f"the SLURM commands, since {problem}"


def _trial(backend: PyslurmBackend) -> str | None:
    """Why pyslurm can't be used; None when it can, be slurmctld up or away."""
    try:
        backend.try_out(_TRIAL_SECONDS)
    except UnexpectedAnswer as error:
        return f"pyslurm can't be loaded: {error}"
    except BackendUnavailable as error:
        # A process that ended is libslurm's fatal(): no slurm.conf, for one. An answer from a
        # living worker, or none in time, is slurmctld's trouble and passes.
        return str(error) if "process that asked SLURM ended" in str(error) else None
    except SlurmPluginError as error:
        _log.warning("slurmctld answered the trial oddly: %s", error)
    return None
