"""Which clusters the contract runs against.

Without SLURM_PLUGIN_TEST_BACKEND: the fake and the fake commands. With `commands` or `pyslurm`:
that backend on the real SLURM of the container.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm_plugin.config.settings import SlurmSettings
from tests.contract.clusters import Cluster, FakeCluster, FakeCommandsCluster, RealCluster

REAL = os.environ.get("SLURM_PLUGIN_TEST_BACKEND", "")

# It asks a real slurmctld through pyslurm.
collect_ignore = [] if REAL == "pyslurm" else ["test_native_query.py"]


def _real(name: str) -> Cluster:
    settings = SlurmSettings(query_timeout_seconds=5, submit_timeout_seconds=5)
    if name == "pyslurm":
        from slurm_plugin.slurm.native.backend import PyslurmBackend

        return RealCluster(PyslurmBackend(settings))
    from slurm_plugin.slurm.commands.backend import CommandsBackend

    return RealCluster(CommandsBackend(settings))


@pytest.fixture(params=[f"real-{REAL}"] if REAL else ["fake", "fake-commands"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    kind: str = request.param
    made: Cluster
    if kind == "fake":
        made = FakeCluster()
    elif kind == "fake-commands":
        made = FakeCommandsCluster(tmp_path)
    else:
        made = _real(kind.removeprefix("real-"))
    yield made
    made.close()
