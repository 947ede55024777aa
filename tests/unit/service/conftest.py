"""A real server on loopback in front of a stub of the plugin."""

import pytest

from tests.unit.service.served import RunningServer, StubPlugin, ephemeral


@pytest.fixture
def plugin():
    return StubPlugin()


@pytest.fixture
def running(plugin):
    servers = []

    def start(settings=None, drain_seconds=10.0):
        servers.append(RunningServer(plugin, settings or ephemeral(), drain_seconds))
        return servers[-1]

    yield start
    plugin.pods.gate.set()
    for server in servers:
        server.server.stop()
        server.server.stop()
        assert server.ended()
        assert server.released()
