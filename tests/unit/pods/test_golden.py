"""The data part of scripts, as people would read it; `GOLDEN=write pytest` renews the files."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.pods.bash import library_text
from slurm_plugin.pods.manifest import CreateRequest
from slurm_plugin.pods.plan import plan_pod
from slurm_plugin.pods.runtimes import launch_text

_GOLDEN = Path(__file__).with_name("golden")
_REQUESTS = sorted(_GOLDEN.glob("*.json"))


def _body(path, *, shared_fs=True):
    """A golden request is a create request with `settings` beside it."""
    data = json.loads(path.read_text())
    settings = PodSettings.model_validate(data.pop("settings", {}))
    request = msgspec.convert(data, CreateRequest)
    directory = f"/data/default-{request.pod.metadata.uid}"
    plan = plan_pod(request, settings, directory=directory, shared_fs=shared_fs)
    return f"#!/bin/bash\n{plan.body}"


def _without_libraries(body):
    for name, text in (("launch", launch_text()), ("library", library_text())):
        assert body.count(text) == 1
        body = body.replace(text, f"# here: {name}\n")
    return body


@pytest.mark.parametrize("path", _REQUESTS, ids=lambda path: path.stem)
def test_the_script_is_the_golden_one(path):
    golden = path.with_suffix(".sh")
    script = _without_libraries(_body(path, shared_fs="unshared" not in path.stem))
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(script)
    assert script == golden.read_text()


@pytest.mark.parametrize("shared_fs", [True, False])
@pytest.mark.parametrize("path", _REQUESTS, ids=lambda path: path.stem)
def test_bash_and_the_linter_accept_the_whole_script(path, shared_fs):
    script = _body(path, shared_fs=shared_fs)
    linter = [] if shutil.which("shellcheck") is None else [["shellcheck", "-s", "bash", "-"]]
    for command in (["bash", "-n"], *linter):
        result = subprocess.run(
            command, input=script, capture_output=True, text=True, check=False, timeout=100
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_there_is_a_golden_script_for_each_request():
    assert len(_REQUESTS) >= 5
    assert {path.with_suffix(".sh") for path in _REQUESTS} == set(_GOLDEN.glob("*.sh"))
