"""Runs generated scripts in real bash, with shell functions in the place of the runtime."""

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from slurm_plugin.pods.bash import library_text

_DEADLINE_SECONDS = 40


@dataclass
class FakePod:
    """A pod as the script's DATA describes it.

    `shell` and `overrides` are lines of bash before and after the library.
    """

    directory: Path
    containers: list[tuple[str, str, str]] = field(default_factory=list)
    shell: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    grace: int = 5
    policy: str = "Never"
    max_log_bytes: int = 0
    job: int = 7
    requeue: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def add(self, name: str, command: str, *, kind: str = "app") -> "FakePod":
        """Add a container that runs a shell command."""
        self.containers.append((name, kind, command))
        return self

    def text(self) -> str:
        names = " ".join(shlex.quote(name) for name, _, _ in self.containers)
        kinds = " ".join(kind for _, kind, _ in self.containers)
        lines = [
            "#!/bin/bash",
            f"sp_directory={shlex.quote(str(self.directory))}",
            f"sp_grace_seconds={self.grace}",
            f"sp_restart_policy={self.policy}",
            f"sp_max_log_bytes={self.max_log_bytes}",
            f"sp_names=({names})",
            f"sp_kinds=({kinds})",
            "sp_unpack() { :; }",
            "sp_before_containers() { :; }",
        ]
        for index, (_, _, command) in enumerate(self.containers):
            quoted = shlex.quote(command)
            lines.append(f"sp_run_{index}() {{ exec bash -c {quoted}; }}")
            lines.append(f'sp_enter_{index}() {{ exec "$@"; }}')
        return "\n".join([*lines, *self.shell, library_text(), *self.overrides, 'sp_main "$@"', ""])

    def start(self) -> "FakePod":
        script = self.directory.parent / "script.sh"
        script.write_text(self.text())
        environment = {
            "PATH": os.environ["PATH"],
            "SLURM_JOB_ID": str(self.job),
            "FAKE_POD": str(self.directory),
        }
        if self.requeue:
            environment["SLURM_RESTART_COUNT"] = str(self.requeue)
        with (self.directory / "job.out").open("ab") as output:
            self.process = subprocess.Popen(
                [os.environ.get("TEST_BASH", "/bin/bash"), script],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
            )
        return self

    def run(self) -> int:
        return self.start().wait()

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(_DEADLINE_SECONDS)

    def terminate(self) -> None:
        """What `scancel --batch --signal=TERM` and the time limit do."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def read(self, name: str) -> str:
        path = self.directory / name
        return path.read_text() if path.exists() else ""

    def state(self, stem: str) -> dict[str, str]:
        """Fields of `<stem>.state`; empty when there is none."""
        return dict(line.split("=", 1) for line in self.read(f"{stem}.state").splitlines())

    def until(self, condition: Callable[[], object], seconds: float = 15) -> None:
        """Wait for a condition; fails the test with all files' text when it never holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.everything()
            time.sleep(0.02)

    def everything(self) -> str:
        files = sorted(path for path in self.directory.rglob("*") if path.is_file())
        return "\n".join(f"--- {path.name}\n{path.read_text()}" for path in files)

    def processes(self) -> list[int]:
        """Processes on this host that came from the pod's script, by their environment."""
        mark = f"FAKE_POD={self.directory}".encode()
        return [int(path.parent.name) for path in _environments() if mark in _read(path)]


def _environments() -> Iterator[Path]:
    return Path("/proc").glob("[0-9]*/environ")


def _read(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[FakePod]:
    """An empty pod; after the test no process of it may be left."""
    directory = tmp_path / "ns-uid"
    directory.mkdir()
    fake = FakePod(directory)
    yield fake
    process = fake.process
    if process is not None and process.poll() is None:
        process.terminate()
        process.wait(_DEADLINE_SECONDS)
    time.sleep(0.05)
    left = fake.processes()
    assert left == [], f"processes left behind: {left}"
