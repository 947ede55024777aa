"""A pyslurm for the tests, in this process and in workers."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from slurm_plugin.slurm.native import capi

FAKE = Path(__file__).parent / "fake"


def _forget() -> None:
    capi._pyslurm.cache_clear()
    capi._native.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyslurm"]:
        del sys.modules[name]


@pytest.fixture
def fake_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """pyslurm is the fake, here and in every worker (spawn hands sys.path on)."""
    _forget()
    monkeypatch.syspath_prepend(str(FAKE))
    yield
    _forget()


@pytest.fixture
def cluster(fake_path: None) -> Any:
    """What the fake pyslurm of this process answers from."""
    return importlib.import_module("pyslurm").CLUSTER


@pytest.fixture
def rpc_error(cluster: Any) -> Any:
    return importlib.import_module("pyslurm").RPCError


@pytest.fixture
def make_job() -> Any:
    return queued_job


def queued_job(job_id: int, **changes: Any) -> SimpleNamespace:
    """A pyslurm.Job."""
    job = SimpleNamespace(
        id=job_id,
        name=f"job-{job_id}",
        comment=None,
        state="RUNNING",
        state_reason="None",
        exit_code=0,
        exit_code_signal=None,
        submit_time=100,
        start_time=200,
        end_time=3800,
        allocated_nodes="n[1-2]",
        nodelist="n[1-2]",
        requeue_count=0,
        time_limit=60,
        user_id=1000,
    )
    vars(job).update(changes)
    return job
