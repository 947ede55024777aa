"""The life of the service: open everything, serve, close everything."""

import logging
import os
from contextlib import ExitStack

from slurm_plugin.api.logs import extra_threads
from slurm_plugin.app import create_app, open_service
from slurm_plugin.config.load import LoadedSettings
from slurm_plugin.errors import ConfigError, SlurmPluginError
from slurm_plugin.listener import open_listener
from slurm_plugin.logging_setup import configure
from slurm_plugin.logs.reader import LogReader
from slurm_plugin.server import Server, stopped_by_signals
from slurm_plugin.telemetry.tracing import open_tracing

_log = logging.getLogger(__name__)


def serve(loaded: LoadedSettings) -> bool:
    """Run until SIGTERM or SIGINT.

    Returns:
        True when it ended because it was told to, False when it failed while running.

    Raises:
        ConfigError: it can't start as configured.
    """
    configure(loaded.settings.logging)
    for warning in loaded.warnings:
        _log.warning("%s", warning)
    try:
        _run(loaded)
    except ConfigError:
        raise
    except SlurmPluginError as error:
        _log.error("%s", error)
        return False
    except Exception:  # the last line of the log must say why the service is gone
        _log.exception("failed in an unforeseen way")
        return False
    _log.info("stopped")
    return True


def _run(loaded: LoadedSettings) -> None:
    settings = loaded.settings
    with ExitStack() as opened:
        stop = opened.enter_context(stopped_by_signals())
        # Before all else, so that a second instance ends before it touches jobs or files.
        listener = open_listener(settings.service)
        opened.callback(listener.close)
        tracing = open_tracing(settings.telemetry, os.environ)
        opened.callback(tracing.close)
        plugin = open_service(settings)
        opened.callback(plugin.close)
        logs = LogReader(plugin.store, settings)
        server = Server(
            create_app(settings, plugin, tracing, logs),
            settings.service,
            listener,
            extra_threads=extra_threads(settings),
            before_drain=logs.end_followers,
        )
        stop.attach(server)
        server.run()
