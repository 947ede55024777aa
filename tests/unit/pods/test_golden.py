"""The data part of scripts, as people would read it; `GOLDEN=write pytest` renews the files."""

import json
import os
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
def test_bash_accepts_the_whole_script(path, shared_fs):
    _accepted(["bash", "-n"], _body(path, shared_fs=shared_fs))


def test_the_linter_accepts_the_golden_scripts():
    _accepted(["shellcheck", *sorted(map(str, _GOLDEN.glob("*.sh")))])


def test_the_linter_accepts_a_whole_script():
    _accepted(["shellcheck", "-s", "bash", "-"], _body(_GOLDEN / "full.json", shared_fs=False))


def _accepted(command, text=""):
    result = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=100
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_there_is_a_golden_script_for_each_request():
    assert len(_REQUESTS) >= 5
    assert {path.with_suffix(".sh") for path in _REQUESTS} == set(_GOLDEN.glob("*.sh"))
