"""What sbatch gets on its stdin."""

import subprocess

import pytest

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.slurm.base import JobSpec, SbatchOption
from slurm_plugin.slurm.commands.directives import script_directives
from slurm_plugin.slurm.commands.submit import sbatch_argv, script_text


def spec(script: str = "#!/bin/bash\n#SBATCH --hold\nexit 0\n", **changes: object) -> JobSpec:
    fields = {
        "name": "n",
        "comment": "c",
        "script": script,
        "output": "/data/50%/job.out",
        "work_dir": "/data",
        "environment": {"PATH": "/bin"},
    }
    return JobSpec(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_environment_stands_behind_the_options() -> None:
    lines = script_text(spec(environment={"A": "it's $HOME `x`"})).splitlines()
    assert lines[:2] == ["#!/bin/bash", "#SBATCH --hold"]
    assert lines[-1] == "exit 0"
    exported = next(line for line in lines if line.startswith("export A="))
    shown = subprocess.run(
        ["sh", "-c", f'{exported}; printf %s "$A"'], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "it's $HOME `x`"


def test_options_named_in_the_body_are_no_options() -> None:
    script = "#!/bin/bash\n#SBATCH --hold\necho 1\n#SBATCH --array=1-9\n"
    lines = script_text(spec(script)).splitlines()
    assert lines.index("export PATH=/bin") < lines.index("echo 1")


@pytest.mark.parametrize("environment", [{"A B": "x"}, {"A": "x\0"}, {"1A": "x"}, {"": "x"}])
def test_impossible_variables_are_refused(environment: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        script_text(spec(environment=environment))


def test_argv_is_constant_and_exports_nothing() -> None:
    assert sbatch_argv(["ssh", "login", "sbatch"])[:3] == ["ssh", "login", "sbatch"]
    assert "--export=NIL" in sbatch_argv(["sbatch"])


def test_directives_hold_the_jobs_own_fields_and_options() -> None:
    job = spec(uid=1001, gid=1002, options=(SbatchOption("mem", "64M"), SbatchOption("hold")))
    assert script_directives(job) == [
        "#SBATCH --job-name=n",
        "#SBATCH --comment=c",
        "#SBATCH --output=/data/50%%/job.out",
        "#SBATCH --chdir=/data",
        "#SBATCH --uid=1001",
        "#SBATCH --gid=1002",
        "#SBATCH --propagate=NONE",
        "#SBATCH --mem=64M",
        "#SBATCH --hold",
    ]
