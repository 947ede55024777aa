"""The composition root: settings become a running plugin, the plugin a WSGI application."""

import falcon

from slurm_plugin.api import errors, resources
from slurm_plugin.api.wire import Decoders
from slurm_plugin.config.settings import Settings
from slurm_plugin.jobs.plugin import Plugin, build
from slurm_plugin.slurm.choose import open_backend

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


def create_app(settings: Settings, plugin: Plugin) -> App:
    """The HTTP side of the plugin."""
    del settings
    app: App = falcon.App(media_type=falcon.MEDIA_JSON)
    app.req_options.strip_url_path_trailing_slash = True
    errors.install(app)
    decoders = Decoders()
    app.add_route("/create", resources.CreateResource(plugin, decoders))
    app.add_route("/status", resources.StatusResource(plugin, decoders))
    app.add_route("/delete", resources.DeleteResource(plugin, decoders))
    app.add_route("/system-info", resources.SystemInfoResource(plugin))
    app.add_route("/healthz", resources.HealthResource())
    app.add_route("/readyz", resources.ReadyResource(plugin))
    return app
