"""pyslurm's objects as the plugin's data."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.native import convert
from slurm_plugin.slurm.states import JobFlag, JobState

Make = Callable[..., Any]


def node(**changes: Any) -> SimpleNamespace:
    known = SimpleNamespace(
        name="n1",
        total_cpus=8,
        effective_cpus=8,
        real_memory=4000,
        allocated_cpus=2,
        allocated_memory=128,
        state="MIXED",
        partitions=["normal", "slow"],
        configured_gres={"gpu:a100": 2},
    )
    vars(known).update(changes)
    return known


def test_a_running_job_has_no_end(make_job: Make) -> None:
    assert convert.job(make_job(7)) == JobInfo(
        job_id=7,
        state=JobState.RUNNING,
        submit_time=100,
        start_time=200,
        nodes="n[1-2]",
        time_limit=60,
        user_id=1000,
    )


def test_a_finished_job_has_its_end_and_how_it_came(make_job: Make) -> None:
    job = convert.job(make_job(7, state="FAILED", exit_code=3, exit_code_signal=9, requeue_count=2))
    assert (job.end_time, job.exit_code, job.signal, job.restarts) == (3800, 3, 9, 2)


def test_a_flag_hides_the_base_state(make_job: Make) -> None:
    job = convert.job(make_job(7, state="COMPLETING"))
    assert (job.state, job.flags) == (JobState.UNKNOWN, {JobFlag.COMPLETING})


def test_what_is_not_there_is_none_or_empty(make_job: Make) -> None:
    job = convert.job(
        make_job(7, start_time=None, allocated_nodes=None, time_limit="UNLIMITED", exit_code=None)
    )
    assert (job.start_time, job.nodes, job.time_limit, job.exit_code) == (None, "", None, 0)


def test_a_reason_is_told_unless_there_is_none(make_job: Make) -> None:
    assert convert.job(make_job(7, state_reason="Resources")).reason == "Resources"
    assert convert.job(make_job(7, state_reason="None")).reason == ""
    assert convert.job(make_job(7, state_reason=None)).reason == ""


def test_name_and_comment_are_told_on_demand_only(make_job: Make) -> None:
    job = make_job(7, comment="c")
    assert (convert.job(job).name, convert.job(job).comment) == ("", "")
    assert (convert.named_job(job).name, convert.named_job(job).comment) == ("job-7", "c")


def test_an_archived_job_that_never_started_has_no_nodes(make_job: Make) -> None:
    job = convert.archived_job(
        make_job(7, state="CANCELLED", nodelist="None assigned", time_limit="PartitionLimit")
    )
    assert (job.state, job.nodes, job.time_limit) == (JobState.CANCELLED, "", None)
    assert job.end_time == 3800


def test_a_node_tells_what_can_be_allocated() -> None:
    known = convert.node(node(effective_cpus=6))
    assert (known.name, known.cpus, known.memory_mib) == ("n1", 6, 4000)
    assert (known.cpus_allocated, known.memory_mib_allocated) == (2, 128)
    assert (known.usable, known.state) == (True, "MIXED")
    assert known.partitions == ("normal", "slow")
    assert known.gres == {"gpu:a100": 2}


def test_a_release_without_effective_cpus_tells_all_of_them() -> None:
    assert convert.node(node(effective_cpus=0)).cpus == 8


@pytest.mark.parametrize("state", ["DOWN", "IDLE+DRAIN", "", None])
def test_a_node_that_takes_no_work_is_not_usable(state: str | None) -> None:
    assert not convert.node(node(state=state)).usable


def test_a_gres_that_pyslurm_cannot_count_hides_only_the_gres() -> None:
    known = convert.node(node(configured_gres={"bandwidth:lustre": "4K"}))
    assert (known.cpus, known.gres) == (8, {})


def test_a_gres_that_pyslurm_cannot_parse_hides_only_the_gres() -> None:
    class Odd(SimpleNamespace):
        @property
        def configured_gres(self) -> dict[str, int]:
            return {"x": int("4K")}

    fields = {k: v for k, v in vars(node()).items() if k != "configured_gres"}
    assert convert.node(Odd(**fields)).gres == {}
