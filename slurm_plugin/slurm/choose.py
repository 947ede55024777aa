"""Which backend the plugin uses, decided once at its start."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.errors import ConfigError
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
    backend, problem = _try_pyslurm(settings, native)
    if backend is not None:
        how = "pyslurm works" if settings.backend == "auto" else "Backend is set to pyslurm"
        return backend, how
    if settings.backend == "pyslurm":
        raise ConfigError([f"Backend is pyslurm, which can't be used: {problem}"])
    _log.warning("using the SLURM commands, since pyslurm can't be used: %s", problem)
    return commands(settings), f"pyslurm can't be used: {problem}"


def _try_pyslurm(
    settings: SlurmSettings, native: Callable[[SlurmSettings], PyslurmBackend]
) -> tuple[PyslurmBackend | None, str]:
    """The pyslurm backend when it works here, or None and why not."""
    missing = _missing_settings_file(settings)
    if missing:
        return None, missing
    try:
        backend = native(settings)
    except OSError as error:  # no temporary file for the words of its workers
        return None, str(error)
    problem = backend.problem(_TRIAL_SECONDS)
    if problem:
        backend.close()
        return None, problem
    return backend, ""


def _missing_settings_file(settings: SlurmSettings) -> str:
    # libslurm would look for it for a minute before it gives up.
    path = settings.slurm_conf or os.environ.get("SLURM_CONF", "")
    return "" if not path or Path(path).is_file() else f"SLURM_CONF is {path}, which is no file"
