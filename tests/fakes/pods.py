"""Pods, their jobs and their records, as tests need them."""

import json
from pathlib import Path
from typing import Any

import msgspec

from slurm_plugin.config.settings import JobSettings, PodSettings, Settings
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.jobs.record import ContainerRecord, PodRecord, stored
from slurm_plugin.pods.manifest import CreateRequest, Pod
from slurm_plugin.slurm.base import JobSpec, SbatchOption

UID = "7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e6f"
KEY = PodKey("default", UID)
_DATA = Path(__file__).parent.parent / "data"


def uid_of(number: int) -> str:
    """The UID of the pod with this number."""
    return f"00000000-0000-4000-8000-{number:012x}"


def sample(name: str) -> Any:
    """A body that interLink sent, from tests/data."""
    return json.loads((_DATA / name).read_text())


def settings_for(root: Path, **rooms: Any) -> Settings:
    """Settings with this data folder; root may run jobs, since tests may run as root."""
    pods = PodSettings(allow_root_jobs=True)
    jobs = JobSettings(data_root_folder=root, shared_fs=True)
    return Settings(**{"pods": pods, "jobs": jobs, **rooms})


def spec_of(uid: str = UID, *, partition: str | None = None) -> JobSpec:
    """The job of a pod."""
    options = () if partition is None else (SbatchOption("partition", partition),)
    return JobSpec(
        name=uid,
        comment=f"slurm-plugin pod default/demo {uid}",
        script="#!/bin/bash\nexit 0\n",
        output="/data/job.out",
        work_dir="/data",
        options=options,
    )


def record_of(uid: str = UID, **changes: Any) -> PodRecord:
    """The record of a pod that is being submitted."""
    record = PodRecord(
        uid=uid,
        namespace="default",
        name="demo",
        created=1_800_000_000.0,
        phase="submitting",
        containers=[ContainerRecord("main", "app", "busybox")],
        spec=stored(spec_of(uid)),
    )
    return msgspec.structs.replace(record, **changes)


def manifest(
    uid: str = UID,
    *,
    containers: tuple[str, ...] = ("main",),
    init: tuple[str, ...] = (),
    sidecars: tuple[str, ...] = (),
    **metadata: Any,
) -> dict[str, Any]:
    """A pod as the client writes it."""
    first = [{"name": name, "image": "busybox"} for name in init]
    first += [{"name": name, "image": "busybox", "restartPolicy": "Always"} for name in sidecars]
    return {
        "metadata": {"name": "demo", "namespace": "default", "uid": uid, **metadata},
        "spec": {
            "containers": [{"name": name, "image": "busybox"} for name in containers],
            "initContainers": first or None,
            "restartPolicy": "Never",
        },
    }


def pod_of(uid: str = UID, **parts: Any) -> Pod:
    """The same, decoded."""
    return msgspec.convert(manifest(uid, **parts), Pod)


def create_body(uid: str = UID, **parts: Any) -> dict[str, Any]:
    """The body of a create."""
    return {"pod": manifest(uid, **parts), "container": None, "jobConfig": {}}


def create_of(uid: str = UID, **parts: Any) -> CreateRequest:
    """The same, decoded."""
    return msgspec.convert(create_body(uid, **parts), CreateRequest)
