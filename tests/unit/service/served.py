"""A real server on loopback in front of a stub of the plugin."""

import http.client
import json
import socket
import threading
import time
from types import SimpleNamespace

import falcon

from slurm_plugin.api import errors, resources
from slurm_plugin.api.middleware import RequestMiddleware
from slurm_plugin.api.wire import Decoders
from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.listener import open_listener
from slurm_plugin.server import Server
from slurm_plugin.telemetry.tracing import Tracing


class StubPods:
    """Remembers what it was told; `gate` holds creates back until it is set."""

    def __init__(self):
        self.created = []
        self.asked = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def create(self, request):
        self.entered.set()
        assert self.gate.wait(30)
        self.created.append(request)
        return SimpleNamespace(uid="uid-1", jid="17")

    def statuses(self, pods):
        self.asked.append(len(pods))
        return []

    def delete(self, pod):
        raise KeyError("secret-token")


class StubPlugin:
    def __init__(self):
        self.pods = StubPods()
        self.capacity = SimpleNamespace(ping=lambda: {"status": "ok"})


def app_of(plugin, tracing=None):
    app = falcon.App(middleware=[RequestMiddleware(tracing or Tracing())])
    errors.install(app)
    decoders = Decoders()
    app.add_route("/create", resources.CreateResource(plugin, decoders))
    app.add_route("/status", resources.StatusResource(plugin, decoders))
    app.add_route("/delete", resources.DeleteResource(plugin, decoders))
    app.add_route("/healthz", resources.HealthResource())
    return app


class RunningServer:
    def __init__(self, plugin, settings, drain_seconds):
        self.plugin = plugin
        self.listener = open_listener(settings)
        self.server = Server(app_of(plugin), settings, self.listener, drain_seconds=drain_seconds)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()

    @property
    def port(self):
        return int(self.listener.address.rpartition(":")[2])

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ended(self, timeout=20):
        self.thread.join(timeout)
        return not self.thread.is_alive()

    def released(self, timeout=10):
        """The last thread has ended, and the file descriptors with it."""
        deadline = time.monotonic() + timeout
        while not self.server._server.trigger._closed and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.server._server.trigger._closed


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("unix", timeout=30)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def create_body(size=0):
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "uid-1"}, "spec": {"containers": []}}
    data = {"blob": "x" * size}
    container = {"name": "c", "configMaps": [{"metadata": {"name": "m"}, "data": data}]}
    return json.dumps({"pod": pod, "container": [container]}).encode()


def ask(connection, method, path, body=None, headers=None):
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def ephemeral(**given):
    """Settings for a port that the kernel chooses."""
    return ServiceSettings(threads=4, **given).model_copy(update={"sidecar_port": 0})
