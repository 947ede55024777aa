"""The composition root: settings become a running plugin, the plugin a WSGI application."""

import falcon

from slurm_plugin.api import errors, resources
from slurm_plugin.api.logs import LogsResource, StreamingApp
from slurm_plugin.api.middleware import RequestMiddleware
from slurm_plugin.api.wire import Decoders
from slurm_plugin.config.settings import Settings
from slurm_plugin.jobs.plugin import Plugin, build
from slurm_plugin.logs.reader import LogReader
from slurm_plugin.slurm.choose import open_backend
from slurm_plugin.telemetry.tracing import Tracing

App = falcon.App[falcon.Request, falcon.Response]


def open_service(settings: Settings) -> Plugin:
    """Choose the backend and start the plugin's background work.

    Raises:
        ConfigError: the chosen backend can't work on this host.
        StorageFailed: the data folder can't be used.
    """
    backend, reason = open_backend(settings.slurm)
    plugin = build(settings, backend, reason)
    plugin.start()
    return plugin


def create_app(settings: Settings, plugin: Plugin, tracing: Tracing | None = None) -> App:
    """The HTTP side of the plugin."""
    middleware = RequestMiddleware(tracing or Tracing())
    app: App = StreamingApp(media_type=falcon.MEDIA_JSON, middleware=[middleware])
    app.req_options.strip_url_path_trailing_slash = True
    errors.install(app)
    decoders = Decoders()
    app.add_route("/create", resources.CreateResource(plugin, decoders))
    app.add_route("/status", resources.StatusResource(plugin, decoders))
    app.add_route("/delete", resources.DeleteResource(plugin, decoders))
    app.add_route("/getLogs", LogsResource(LogReader(plugin.store, settings), decoders))
    app.add_route("/system-info", resources.SystemInfoResource(plugin))
    app.add_route("/healthz", resources.HealthResource())
    app.add_route("/readyz", resources.ReadyResource(plugin))
    return app
