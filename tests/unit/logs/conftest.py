"""A pod with files in a data folder."""

import msgspec
import pytest

from slurm_plugin.api.wire import LogRequest
from slurm_plugin.config.settings import LogSettings, ServiceSettings
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.record import ContainerRecord
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.logs.reader import LogReader
from tests.fakes.clock import FakeClock
from tests.fakes.pods import KEY, UID, record_of, settings_for


class LogWorld:
    """One pod with the containers main, side (sidecar) and first (init)."""

    def __init__(self, root):
        self.root = root
        self.clock = FakeClock()
        self.store = PodStore(root, Files())
        self.store.prepare()
        self.directory = self.store.directory(KEY)
        self.directory.mkdir()
        self.containers = [
            ContainerRecord("main", "app"),
            ContainerRecord("side", "sidecar"),
            ContainerRecord("first", "init"),
        ]
        self.record()

    def record(self, **changes):
        changes = {"phase": "submitted", "job_id": 7, "containers": self.containers, **changes}
        self.store.save(record_of(**changes))

    def write(self, name, content, *, append=False):
        with (self.directory / name).open("ab" if append else "wb") as stream:
            stream.write(content)

    def end(self, stem="run-main", **fields):
        fields = {"job": 7, "started": 5, "finished": 9, "exit": 0, **fields}
        lines = [f"{key}={value}\n" for key, value in fields.items() if value is not None]
        self.write(f"{stem}.state", "".join(lines).encode())

    def reader(self, *, followers=3, job_output="unstarted"):
        settings = settings_for(
            self.root,
            service=ServiceSettings(log_followers=followers),
            logs=LogSettings(logs_with_job_output=job_output),
        )
        return LogReader(self.store, settings, self.clock)

    def request(self, container="main", namespace="default", uid=UID, **options):
        body = {
            "Namespace": namespace,
            "PodUID": uid,
            "ContainerName": container,
            "Opts": options,
        }
        return msgspec.convert(body, LogRequest)

    def stream(self, *, gone=lambda: False, reader=None, **request):
        return (reader or self.reader()).open(self.request(**request), gone)

    def read(self, **request):
        return b"".join(self.stream(**request))


@pytest.fixture
def logs(tmp_path):
    return LogWorld(tmp_path / "jobs")
