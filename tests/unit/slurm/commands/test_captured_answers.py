"""The parsers on what the commands of three SLURM releases really said (tests/data)."""

import json
from pathlib import Path
from typing import Any

import pytest

from slurm_plugin.errors import SlurmRefused
from slurm_plugin.slurm.commands import accounting, cancel, controller, nodes, queue, submit
from slurm_plugin.slurm.commands.process import Completed
from slurm_plugin.slurm.states import JobFlag, JobState

DATA = Path(__file__).parents[3] / "data"
RELEASES = ("22.05", "24.11", "26.05")


class Capture:
    """One release's answers."""

    def __init__(self, release: str) -> None:
        content: dict[str, Any] = json.loads((DATA / f"slurm-{release}.json").read_text())
        self.release = release
        self.jobs: dict[str, int] = content["jobs"]
        self._answers = content["answers"]

    def answer(self, name: str) -> Completed:
        answer = self._answers[name]
        return Completed(answer["argv"], answer["returncode"], answer["stdout"], answer["stderr"])


@pytest.fixture(params=RELEASES)
def capture(request: pytest.FixtureRequest) -> Capture:
    return Capture(request.param)


def test_the_job_id_is_read_from_sbatch(capture: Capture) -> None:
    assert submit.parse_sbatch(capture.answer("submit running")) == capture.jobs["running"]


def test_a_refused_job_keeps_slurms_words(capture: Capture) -> None:
    with pytest.raises(SlurmRefused) as refused:
        submit.parse_sbatch(capture.answer("submit refused"))
    assert "Invalid partition name specified" in str(refused.value)
    assert "sbatch:" not in str(refused.value)


def test_states_exit_codes_and_flags_of_all_jobs(capture: Capture) -> None:
    jobs = queue.parse_squeue(capture.answer("squeue all"))
    said = {
        kind: (jobs[job_id].state, jobs[job_id].exit_code, jobs[job_id].signal)
        for kind, job_id in capture.jobs.items()
    }
    assert said["running"] == (JobState.RUNNING, 0, 0)
    assert said["held"] == (JobState.PENDING, 0, 0)
    assert said["completed"] == (JobState.COMPLETED, 0, 0)
    assert said["failed"] == (JobState.FAILED, 3, 0)
    assert said["killed"] == (JobState.FAILED, 0, 9)
    assert said["cancelled_pending"] == (JobState.CANCELLED, 0, 0)
    assert said["cancelled_running"][0] is JobState.CANCELLED
    assert JobFlag.CONFIGURING in jobs[capture.jobs["configuring"]].flags
    assert jobs[capture.jobs["configuring"]].state is JobState.RUNNING


def test_times_nodes_limits_and_reasons(capture: Capture) -> None:
    jobs = queue.parse_squeue(capture.answer("squeue all"))
    running, held, completed = (jobs[capture.jobs[k]] for k in ("running", "held", "completed"))
    assert running.start_time is not None
    assert running.submit_time is not None
    assert running.start_time >= running.submit_time > 1_700_000_000
    assert running.end_time is None
    assert running.nodes.startswith("n")
    assert running.time_limit == 60
    assert (held.reason, held.nodes, held.start_time) == ("JobHeldUser", "", None)
    assert completed.end_time is not None
    assert jobs[capture.jobs["unlimited"]].time_limit == 26 * 60 + 4


def test_unknown_jobs_are_left_out(capture: Capture) -> None:
    assert set(queue.parse_squeue(capture.answer("squeue some"))) == set(
        sorted(capture.jobs.values())[:2]
    )
    assert queue.parse_squeue(capture.answer("squeue unknown")) == {}
    assert queue.parse_one_job(capture.answer("squeue unknown"), "mark") is None


def test_hostile_names_and_comments_stay_in_their_fields(capture: Capture) -> None:
    job = queue.parse_one_job(capture.answer("squeue odd"), "mark")
    assert job is not None
    assert job.job_id == capture.jobs["odd"]
    assert job.name == "a|b\n1|c"
    assert job.comment == "x|y\n2|z"


def test_nodes(capture: Capture) -> None:
    found = {node.name: node for node in nodes.parse_sinfo(capture.answer("sinfo"))}
    assert set(found) == {"n1", "n2", "n3"}
    for node in found.values():
        assert (node.cpus, node.memory_mib, dict(node.gres)) == (8, 4000, {"gpu:a100": 2})
        assert set(node.partitions) == {"normal", "slow"}
        assert node.usable


def test_accounting(capture: Capture) -> None:
    jobs = accounting.parse_sacct(capture.answer("sacct"))
    failed = jobs[capture.jobs["failed"]]
    assert (failed.state, failed.exit_code, failed.signal) == (JobState.FAILED, 3, 0)
    assert failed.end_time is not None
    cancelled = jobs[capture.jobs["cancelled_pending"]]
    assert (cancelled.state, cancelled.nodes) == (JobState.CANCELLED, "")
    assert cancelled.start_time in (None, cancelled.end_time)


def test_cancelling_what_is_gone_is_no_error(capture: Capture) -> None:
    for name in ("cancel", "cancel gone", "cancel unknown"):
        cancel.check_scancel(capture.answer(name))


def test_ping_and_release(capture: Capture) -> None:
    controller.check_ping(capture.answer("ping"))
    assert controller.parse_release(capture.answer("release")).startswith(capture.release)


def test_the_captures_used_the_present_command_lines(capture: Capture) -> None:
    odd = capture.jobs["odd"]
    assert capture.answer("squeue odd").argv == queue.one_job_argv(["squeue"], odd, "mark")
    assert capture.answer("sinfo").argv == nodes.sinfo_argv(["sinfo"])
