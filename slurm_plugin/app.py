"""The composition root: settings become a running plugin, the plugin a WSGI application."""

import logging

import falcon

from slurm_plugin.api import errors, resources
from slurm_plugin.api.logs import LogsResource, StreamingApp
from slurm_plugin.api.middleware import RequestMiddleware
from slurm_plugin.api.wire import Decoders
from slurm_plugin.config.settings import Settings
from slurm_plugin.jobs.plugin import Plugin, build
from slurm_plugin.logs.reader import LogReader
from slurm_plugin.slurm.choose import open_backend
from slurm_plugin.telemetry.measured import MeasuredBackend
from slurm_plugin.telemetry.tracing import Tracing

_log = logging.getLogger(__name__)

App = falcon.App[falcon.Request, falcon.Response]


def open_service(settings: Settings) -> Plugin:
    """Choose the backend and start the plugin's background work.

    Raises:
        ConfigError: the chosen backend can't work on this host.
        StorageFailed: the data folder can't be used.
    """
    backend, reason = open_backend(settings.slurm)
    plugin = build(settings, MeasuredBackend(backend), reason)
    plugin.start()
    return plugin


def create_app(
    settings: Settings,
    plugin: Plugin,
    tracing: Tracing | None = None,
    logs: LogReader | None = None,
) -> App:
    """The HTTP side of the plugin."""
    middleware = RequestMiddleware(tracing or Tracing())
    app: App = StreamingApp(media_type=falcon.MEDIA_JSON, middleware=[middleware])
    app.req_options.strip_url_path_trailing_slash = True
    errors.install(app)
    decoders = Decoders()
    app.add_route("/create", resources.CreateResource(plugin, decoders))
    app.add_route("/status", resources.StatusResource(plugin, decoders))
    app.add_route("/delete", resources.DeleteResource(plugin, decoders))
    app.add_route("/getLogs", LogsResource(logs or LogReader(plugin.store, settings), decoders))
    app.add_route("/system-info", resources.SystemInfoResource(plugin))
    app.add_route("/healthz", resources.HealthResource())
    app.add_route("/readyz", resources.ReadyResource(plugin))
    _add_metrics(app, plugin, middleware)
    return app


def _add_metrics(app: App, plugin: Plugin, middleware: RequestMiddleware) -> None:
    """`/metrics`, where the library for it is installed (slurm-plugin[metrics])."""
    try:
        from slurm_plugin.telemetry.metrics import Metrics, MetricsResource  # noqa: PLC0415
    except ModuleNotFoundError as error:
        _log.info("no /metrics: %s; install slurm-plugin[metrics]", error)
        return
    metrics = Metrics(plugin)
    middleware.report_to(metrics.request)
    if isinstance(plugin.backend, MeasuredBackend):
        plugin.backend.report_to(metrics)
    app.add_route("/metrics", MetricsResource(metrics))
