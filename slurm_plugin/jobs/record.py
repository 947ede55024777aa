"""What is kept of a pod: one small JSON file in its directory.

The record is written before SLURM is asked (`submitting`) and again with the job id, so that a
plugin killed at any line finds out what it was doing. Writers replace it whole.
"""

from typing import Literal

import msgspec

from slurm_plugin.errors import StorageFailed
from slurm_plugin.jobs.container_status import ContainerStatus
from slurm_plugin.slurm.base import JobInfo, JobSpec, SbatchOption

VERSION = 1

Kind = Literal["init", "sidecar", "app"]


class ContainerRecord(msgspec.Struct, frozen=True):
    """A container that the pod was created with."""

    name: str
    kind: Kind
    image: str = ""


class StoredSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """A JobSpec without its script, which lies beside the record as `job.slurm`."""

    comment: str
    output: str
    work_dir: str
    options: list[tuple[str, str | None]] = []
    environment: dict[str, str] = {}
    uid: int | None = None
    gid: int | None = None


class Final(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of a pod, decided once: later answers repeat it."""

    decided: float
    containers: list[ContainerStatus]
    init_containers: list[ContainerStatus] = []


class PodRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A pod that was created here.

    Attributes:
        phase: `submitting` (SLURM may or may not have the job), `submitted` (job_id is known),
            `refused` (SLURM said no after the create had been answered; `message` says why).
        created: epoch seconds of the create.
        submitted: epoch seconds at which the job id became known.
        grace_seconds: terminationGracePeriodSeconds.
        delete_requested: epoch seconds of the delete; its intent outlives restarts.
        last_job: SLURM's last word about the job, kept when it changes the pod's state.
        go_plugin: the directory was written by the Go plugin.
    """

    uid: str
    namespace: str
    name: str
    created: float
    phase: Literal["submitting", "submitted", "refused"]
    containers: list[ContainerRecord] = []
    version: int = 1  # what a record without the key has
    job_id: int | None = None
    submitted: float | None = None
    message: str = ""
    spec: StoredSpec | None = None
    grace_seconds: int = 30
    delete_requested: float | None = None
    delete_grace_seconds: int | None = None
    last_job: JobInfo | None = None
    final: Final | None = None
    go_plugin: bool = False

    @property
    def jid(self) -> str:
        """PodJID on the wire: the job id when it is known, else the pod's UID."""
        return str(self.job_id) if self.job_id is not None else self.uid


def stored(spec: JobSpec) -> StoredSpec:
    """The part of a JobSpec that is kept in the record."""
    return StoredSpec(
        comment=spec.comment,
        output=spec.output,
        work_dir=spec.work_dir,
        options=[(option.name, option.value) for option in spec.options],
        environment=dict(spec.environment),
        uid=spec.uid,
        gid=spec.gid,
    )


def restored(record: PodRecord, script: str) -> JobSpec:
    """The JobSpec of a record, to submit it again.

    Raises:
        StorageFailed: the record holds no spec (a directory of the Go plugin).
    """
    if record.spec is None:
        raise StorageFailed(f"pod {record.uid}: the record has no job to submit")
    return JobSpec(
        name=record.uid,
        comment=record.spec.comment,
        script=script,
        output=record.spec.output,
        work_dir=record.spec.work_dir,
        options=tuple(SbatchOption(name, value) for name, value in record.spec.options),
        environment=record.spec.environment,
        uid=record.spec.uid,
        gid=record.spec.gid,
    )


def encode(record: PodRecord) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(record)


def decode(data: bytes) -> PodRecord:
    """A record from JSON.

    Raises:
        StorageFailed: it is damaged or of an unknown version.
    """
    try:
        record = msgspec.json.decode(data, type=PodRecord)
    except msgspec.MsgspecError as error:
        raise StorageFailed(f"record is damaged: {error}") from error
    if record.version != VERSION:
        raise StorageFailed(f"record has version {record.version}, this plugin knows {VERSION}")
    return record
