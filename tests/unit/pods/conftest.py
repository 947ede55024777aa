"""Pods as the client sends them, and generated scripts run with a runtime that notes its call."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.pods.manifest import CreateRequest
from slurm_plugin.pods.plan import PodPlan, plan_pod

UID = "7d9f0c1e-2b3a-4c5d-8e6f-1a2b3c4d5e6f"
DIRECTORY = f"/data/default-{UID}"

# Notes argv and environment, NUL-separated, then does what the test says.
_RUNTIME = """#!/bin/bash
printf '%s\\0' "$@" >"$SP_TEST_NOTES/argv.$$"
env -0 >"$SP_TEST_NOTES/environment.$$"
mv "$SP_TEST_NOTES/argv.$$" "$SP_TEST_NOTES/argv"
mv "$SP_TEST_NOTES/environment.$$" "$SP_TEST_NOTES/environment"
"""


@pytest.fixture
def make_request() -> Callable[..., CreateRequest]:
    """A create request from parts of a spec; keywords `sent`, `annotations`, `job_script`."""

    def make(
        containers: list[dict[str, Any]] | None = None,
        *,
        annotations: dict[str, str] | None = None,
        sent: list[dict[str, Any]] | None = None,
        job_script: str | None = None,
        **spec: Any,
    ) -> CreateRequest:
        plain = [{"name": "main", "image": "/images/busybox.sif", "command": ["true"]}]
        body = {
            "pod": {
                "metadata": {
                    "name": "demo",
                    "namespace": "default",
                    "uid": UID,
                    "annotations": annotations,
                },
                "spec": {"containers": containers or plain, **spec},
            },
            "container": sent,
            "jobScript": job_script,
        }
        return msgspec.convert(body, CreateRequest)

    return make


@pytest.fixture
def plan(make_request: Callable[..., CreateRequest]) -> Callable[..., PodPlan]:
    """A plan from parts of a spec; further keywords `settings`, `shared_fs`, `directory`."""

    def make(
        *arguments: Any,
        settings: PodSettings | None = None,
        shared_fs: bool = True,
        directory: str = DIRECTORY,
        **spec: Any,
    ) -> PodPlan:
        request = make_request(*arguments, **spec)
        chosen = settings or PodSettings()
        return plan_pod(request, chosen, directory=directory, shared_fs=shared_fs)

    return make


def options_of(plan: PodPlan) -> dict[str, str | None]:
    """The pod's own sbatch options by name."""
    return {option.name: option.value for option in plan.pod_options}


@pytest.fixture
def as_options() -> Callable[[PodPlan], dict[str, str | None]]:
    """See `options_of`."""
    return options_of


@dataclass
class Node:
    """A compute node: a directory for the pod, and a runtime that notes its call."""

    root: Path

    @property
    def directory(self) -> Path:
        return self.root / "pod"

    @property
    def program(self) -> str:
        return str(self.root / "bin" / "apptainer")

    def lay_out(self, plan: PodPlan) -> None:
        """What the plugin's store does on a shared file system."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        for name in plan.directories:
            (self.directory / name).mkdir(mode=0o700, exist_ok=True)
        for file in plan.files:
            path = self.directory / file.path
            path.write_bytes(file.content)
            path.chmod(file.mode)

    def run(self, plan: PodPlan, call: str = "sp_main", **environment: str) -> Any:
        """Run the script; `call` takes the place of the last line's function."""
        self.lay_out(plan)
        script = self.root / "script.sh"
        body = plan.body.removesuffix('sp_main "$@"\n') + f'{call} "$@"\n'
        script.write_text(f"#!/bin/bash\n{body}")
        base = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "SP_TEST_NOTES": str(self.root)}
        return subprocess.run(
            ["/bin/bash", str(script)],
            env={**base, "LANG": "C.UTF-8", **environment},
            cwd=self.root,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def argv(self) -> list[str]:
        """Arguments of the last call of the runtime."""
        return (self.root / "argv").read_bytes().decode().split("\0")[:-1]

    def environment(self) -> dict[str, str]:
        """Environment of the last call of the runtime."""
        records = (self.root / "environment").read_bytes().decode().split("\0")[:-1]
        return dict(record.split("=", 1) for record in records)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with a fake Apptainer."""
    (tmp_path / "bin").mkdir()
    node = Node(tmp_path)
    Path(node.program).write_text(_RUNTIME)
    Path(node.program).chmod(0o755)
    return node
