"""The plugin's endpoints over a fake cluster."""

import falcon.testing
import pytest

from slurm_plugin.app import create_app
from tests.fakes.world import World


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "jobs")
    made.boot()
    yield made
    made.close()


@pytest.fixture
def client(world):
    return falcon.testing.TestClient(create_app(world.settings, world.plugin))
