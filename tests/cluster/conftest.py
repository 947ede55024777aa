"""The plugin on the real cluster, and what the tests may do to both."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client

SERVICE = "/usr/local/bin/cluster-service"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever stops daemons or nodes runs alone."""
    for item in items:
        if "daemons" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.serial)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture(scope="session")
def image() -> str:
    """A busybox image in the form that this container's runtime takes."""
    sif = Path("/opt/images/busybox.sif")
    return str(sif if sif.exists() else sif.with_suffix(""))


class Daemons:
    """Faults at will: the daemons of the container."""

    def do(self, action: str, name: str) -> None:
        subprocess.run(["sudo", SERVICE, action, name], check=True, capture_output=True, timeout=60)

    def scontrol(self, *arguments: str) -> None:
        argv = ["sudo", "/usr/bin/scontrol", *arguments]
        subprocess.run(argv, check=True, capture_output=True, timeout=60)


@pytest.fixture
def daemons(client: Client) -> Iterator[Daemons]:
    yield Daemons()
    subprocess.run(["sudo", SERVICE, "thaw", "slurmctld"], check=False, capture_output=True)
    subprocess.run(["sudo", SERVICE, "start", "slurmctld"], check=False, capture_output=True)
    subprocess.run(["sudo", SERVICE, "start", "plugin"], check=False, capture_output=True)
    until(lambda: client.request("GET", "/readyz").status == 200, 60)


def until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def slurm(*argv: str) -> str:
    """Output of a SLURM command."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def jobs_of(pod: dict[str, Any]) -> list[int]:
    """Ids of all jobs that the queue has for a pod, whatever their state."""
    uid = pod["metadata"]["uid"]
    listed = slurm("squeue", "-h", "-a", "-t", "all", f"--name={uid}", "-O", "JobID:|")
    return [int(line.strip("| ")) for line in listed.splitlines()]


def job_field(job_id: int | str, field: str) -> str:
    """One field of `scontrol show job`."""
    for word in slurm("scontrol", "show", "job", str(job_id)).split():
        name, _, value = word.partition("=")
        if name == field:
            return value
    return ""
