"""A cluster, a clock and a data folder for each test."""

import pytest

from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.jobs.tracker import Tracker
from tests.fakes.clock import FakeClock
from tests.fakes.fake_backend import FakeBackend


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def backend(clock):
    return FakeBackend(now=clock.now)


@pytest.fixture
def store(tmp_path):
    made = PodStore(tmp_path / "jobs", Files())
    made.prepare()
    return made


@pytest.fixture
def tracker(backend, clock):
    made = Tracker(backend, 2.0, clock, wait_seconds=5.0)
    yield made
    made.close()
