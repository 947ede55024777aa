"""Running commands."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from slurm_plugin.errors import BackendUnavailable
from slurm_plugin.slurm.commands.process import base_environment, run

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def test_output_exit_code_and_input() -> None:
    done = run(
        ["sh", "-c", "cat; echo e >&2; exit 3"], environment=ENVIRONMENT, timeout=5, stdin="i"
    )
    assert (done.stdout, done.stderr, done.returncode) == ("i", "e\n", 3)


def test_a_command_that_overruns_is_killed_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 60 & echo $! >{child}; wait"
    begun = time.monotonic()
    with pytest.raises(BackendUnavailable) as late:
        run(["sh", "-c", script], environment=ENVIRONMENT, timeout=0.5, changes=True)
    assert time.monotonic() - begun < 5
    assert late.value.outcome_unknown
    time.sleep(0.1)
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", child.read_text().strip()],
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert state in ("", "Z")


def test_a_missing_command_is_unavailable_and_named() -> None:
    with pytest.raises(BackendUnavailable, match="/nowhere/sbatch can't be run"):
        run(["/nowhere/sbatch"], environment=ENVIRONMENT, timeout=5)


def test_bytes_that_are_no_text_do_not_fail() -> None:
    done = run(["printf", r"\377x"], environment=ENVIRONMENT, timeout=5)
    assert done.stdout == "�x"


def test_commands_get_nothing_of_the_services_environment() -> None:
    inherited = {**os.environ, "SECRET_TOKEN": "s", "SBATCH_PARTITION": "p", "SLURM_CONF": "/a"}
    environment = base_environment("", inherited)
    assert set(environment) <= {"PATH", "LANG", "HOME", "USER", "SLURM_CONF"}
    assert environment["SLURM_CONF"] == "/a"
    assert base_environment("/b", inherited)["SLURM_CONF"] == "/b"
