"""What every backend promises (slurm_plugin.slurm.base.Backend), on whatever cluster is there."""

import time
import uuid
from collections.abc import Sequence

import pytest

from slurm_plugin.errors import BackendUnavailable, SlurmRefused
from slurm_plugin.slurm.base import JobInfo, JobSpec, SbatchOption
from slurm_plugin.slurm.commands.directives import script_directives
from slurm_plugin.slurm.states import JobFlag, JobState
from tests.contract.clusters import Cluster, until

MARK = "slurm-plugin pod "


def job_spec(last_line: str, *options: SbatchOption, name: str = "") -> JobSpec:
    name = name or str(uuid.uuid4())
    bare = JobSpec(
        name=name,
        comment=f"{MARK}ns/pod {name}",
        script="",
        output="/dev/null",
        work_dir="/tmp",
        options=options,
        environment={"PATH": "/usr/bin:/bin"},
    )
    head = "\n".join(["#!/bin/bash", *script_directives(bare)])
    script = f"{head}\n{last_line}\n"
    return JobSpec(
        name=bare.name,
        comment=bare.comment,
        script=script,
        output=bare.output,
        work_dir=bare.work_dir,
        options=bare.options,
        environment=bare.environment,
    )


def option(name: str, value: str | None = None) -> SbatchOption:
    return SbatchOption(name, value)


def seen(cluster: Cluster, job_id: int) -> JobInfo:
    return cluster.backend.query([job_id])[job_id]


def wait_for(cluster: Cluster, job_id: int, *states: JobState, seconds: float = 0) -> JobInfo:
    """Wait until the job is in one of the states and no longer completing."""

    def there() -> bool:
        job = seen(cluster, job_id)
        return job.state in states and JobFlag.COMPLETING not in job.flags

    until(there, seconds or cluster.patience)
    return seen(cluster, job_id)


def submit_running(cluster: Cluster, *options: SbatchOption) -> int:
    job_id = cluster.backend.submit(job_spec("sleep 300", *options))
    wait_for(cluster, job_id, JobState.RUNNING)
    return job_id


def test_a_submitted_job_runs_and_completes(cluster: Cluster) -> None:
    before = int(time.time())
    job_id = cluster.backend.submit(job_spec("sleep 1"))
    assert job_id > 0
    job = wait_for(cluster, job_id, JobState.COMPLETED)
    assert (job.exit_code, job.signal, job.restarts) == (0, 0, 0)
    assert job.user_id == cluster.uid
    assert job.nodes.startswith("n")
    assert job.submit_time is not None
    assert before - 2 <= job.submit_time <= job.start_time <= job.end_time <= time.time() + 2


def test_a_job_that_runs_has_no_end_time(cluster: Cluster) -> None:
    job = seen(cluster, submit_running(cluster))
    assert job.end_time is None
    assert job.start_time is not None


def test_the_exit_code_of_the_script_is_reported(cluster: Cluster) -> None:
    job_id = cluster.backend.submit(job_spec("exit 3"))
    job = wait_for(cluster, job_id, JobState.FAILED)
    assert (job.exit_code, job.signal) == (3, 0)


def test_an_unknown_partition_is_refused_in_slurms_words(cluster: Cluster) -> None:
    spec = job_spec("sleep 1", option("partition", "nosuch"))
    with pytest.raises(SlurmRefused, match=r"(?i)invalid partition name"):
        cluster.backend.submit(spec)
    assert list(cluster.backend.find(spec.name)) == []


def test_a_held_job_waits_with_slurms_reason(cluster: Cluster) -> None:
    job_id = cluster.backend.submit(job_spec("sleep 1", option("hold")))
    job = seen(cluster, job_id)
    assert job.state is JobState.PENDING
    assert job.reason == "JobHeldUser"
    assert job.nodes == ""


def test_a_cancelled_pending_job_is_cancelled_with_no_signal(cluster: Cluster) -> None:
    job_id = cluster.backend.submit(job_spec("sleep 1", option("hold")))
    cluster.backend.cancel([job_id])
    job = wait_for(cluster, job_id, JobState.CANCELLED)
    assert job.signal == 0


def test_a_cancelled_running_job_is_cancelled(cluster: Cluster) -> None:
    job_id = submit_running(cluster)
    cluster.backend.cancel([job_id])
    job = wait_for(cluster, job_id, JobState.CANCELLED)
    assert job.end_time is not None


def test_cancelling_finished_and_unknown_jobs_is_no_error(cluster: Cluster) -> None:
    job_id = cluster.backend.submit(job_spec("exit 0"))
    wait_for(cluster, job_id, JobState.COMPLETED)
    running = submit_running(cluster)
    cluster.backend.cancel([job_id, running, 99_999_999])
    assert wait_for(cluster, running, JobState.CANCELLED)
    assert seen(cluster, job_id).state is JobState.COMPLETED


def test_a_signal_reaches_the_batch_script_of_running_jobs_only(cluster: Cluster) -> None:
    running = submit_running(cluster)
    held = cluster.backend.submit(job_spec("sleep 1", option("hold")))

    def ended() -> bool:
        # SLURM loses a signal that comes before the batch script is there (seen with 22.05).
        cluster.backend.signal([running, held, 99_999_999], 10)
        return seen(cluster, running).state.is_terminal

    until(ended, cluster.patience)
    assert seen(cluster, held).state is JobState.PENDING


def test_a_job_is_found_by_its_name_with_comment_and_owner(cluster: Cluster) -> None:
    spec = job_spec("sleep 300")
    other = job_spec("sleep 300")
    job_id = cluster.backend.submit(spec)
    cluster.backend.submit(other)
    cluster.other_users_job()
    found = cluster.backend.find(spec.name)
    assert [(j.job_id, j.name, j.comment, j.user_id) for j in found] == [
        (job_id, spec.name, spec.comment, cluster.uid)
    ]
    assert list(cluster.backend.find(str(uuid.uuid4()))) == []


def test_finished_jobs_are_found_by_name_too(cluster: Cluster) -> None:
    spec = job_spec("exit 0")
    job_id = cluster.backend.submit(spec)
    wait_for(cluster, job_id, JobState.COMPLETED)
    assert [job.job_id for job in cluster.backend.find(spec.name)] == [job_id]


def test_lookup_tells_name_and_comment_or_nothing(cluster: Cluster) -> None:
    spec = job_spec("sleep 300")
    job_id = cluster.backend.submit(spec)
    job = cluster.backend.lookup(job_id)
    assert job is not None
    assert (job.job_id, job.name, job.comment) == (job_id, spec.name, spec.comment)
    assert cluster.backend.lookup(99_999_999) is None


def test_marked_jobs_are_listed_and_no_others(cluster: Cluster) -> None:
    spec = job_spec("sleep 300")
    job_id = cluster.backend.submit(spec)
    cluster.other_users_job()
    marked = {job.job_id: job.name for job in cluster.backend.marked(f"{MARK}ns/pod {spec.name}")}
    assert marked == {job_id: spec.name}


def test_jobs_of_others_and_arrays_confuse_nothing(cluster: Cluster) -> None:
    job_id = submit_running(cluster)
    foreign = cluster.other_users_job()
    assert set(cluster.backend.query([job_id])) == {job_id}
    jobs = cluster.backend.query([job_id, foreign, 99_999_999])
    assert set(jobs) == {job_id, foreign}
    assert jobs[job_id].state is JobState.RUNNING
    assert jobs[job_id].name == ""


def test_an_unknown_job_is_absent_and_nothing_asked_is_nothing_answered(cluster: Cluster) -> None:
    assert dict(cluster.backend.query([99_999_999])) == {}
    assert dict(cluster.backend.query([])) == {}


def test_a_thousand_jobs_in_one_query(cluster: Cluster) -> None:
    ids = [cluster.backend.submit(job_spec("sleep 1", option("hold"))) for _ in range(cluster.many)]
    jobs = cluster.backend.query(ids)
    assert set(jobs) == set(ids)
    assert {job.state for job in jobs.values()} == {JobState.PENDING}
    cluster.backend.cancel(ids)
    until(lambda: _all_cancelled(cluster, ids), cluster.patience)


def _all_cancelled(cluster: Cluster, ids: Sequence[int]) -> bool:
    return {job.state for job in cluster.backend.query(ids).values()} == {JobState.CANCELLED}


@pytest.mark.timeout(240)
def test_a_job_over_its_time_limit_times_out(cluster: Cluster) -> None:
    job_id = submit_running(cluster, option("time", "1"))
    assert seen(cluster, job_id).time_limit in (1, None)
    cluster.overrun(65)
    job = wait_for(cluster, job_id, JobState.TIMEOUT, seconds=90)
    assert job.end_time is not None


def test_a_node_that_fails_takes_its_job_down(cluster: Cluster) -> None:
    job_id = submit_running(cluster, option("no-requeue"))
    node = seen(cluster, job_id).nodes
    cluster.fail_node(node)
    try:
        job = wait_for(cluster, job_id, JobState.NODE_FAIL)
        assert job.state is JobState.NODE_FAIL
    finally:
        cluster.heal_node(node)


def test_options_with_spaces_and_quotes_arrive_as_they_are(cluster: Cluster) -> None:
    name = 'two words "quoted" $HOME %j \\ `x`'
    job_id = cluster.backend.submit(job_spec("sleep 300", name=name))
    job = cluster.backend.lookup(job_id)
    assert job is not None
    assert job.name == name


def test_nodes_tell_cpus_memory_and_gpus(cluster: Cluster) -> None:
    nodes = cluster.backend.nodes()
    assert nodes
    for node in nodes:
        assert node.cpus > 0
        assert node.memory_mib > 0
        assert node.name.startswith("n")
        assert node.partitions
    if cluster.patience > 2:
        assert [node.name for node in nodes] == ["n1", "n2", "n3"]
        assert {(n.cpus, n.memory_mib, dict(n.gres)["gpu:a100"]) for n in nodes} == {(8, 4000, 2)}
        assert {n.usable for n in nodes} == {True}


def test_accounting_knows_finished_jobs_by_id(cluster: Cluster) -> None:
    job_id = cluster.backend.submit(job_spec("exit 7"))
    wait_for(cluster, job_id, JobState.FAILED)
    now = int(time.time())

    def told() -> bool:
        job = cluster.backend.history([job_id, 99_999_999], now - 3600, now + 3600).get(job_id)
        return job is not None and job.state is JobState.FAILED

    until(told, cluster.patience)
    known = cluster.backend.history([job_id, 99_999_999], now - 3600, now + 3600)
    assert set(known) == {job_id}
    assert (known[job_id].exit_code, known[job_id].signal) == (7, 0)
    assert known[job_id].end_time is not None


def test_a_controller_that_hangs_is_unavailable_and_works_again(cluster: Cluster) -> None:
    job_id = submit_running(cluster)
    cluster.freeze()
    spec = job_spec("sleep 300")
    try:
        with pytest.raises(BackendUnavailable):
            cluster.backend.query([job_id])
        with pytest.raises(BackendUnavailable) as lost:
            cluster.backend.submit(spec)
    finally:
        cluster.recover()
    assert lost.value.outcome_unknown
    until(lambda: answers(cluster, job_id), cluster.patience)
    assert seen(cluster, job_id).state is JobState.RUNNING


def answers(cluster: Cluster, job_id: int) -> bool:
    try:
        return job_id in cluster.backend.query([job_id])
    except BackendUnavailable:
        return False


def test_a_controller_that_is_gone_is_unavailable_and_comes_back(cluster: Cluster) -> None:
    job_id = submit_running(cluster)
    cluster.stop()
    try:
        with pytest.raises(BackendUnavailable):
            cluster.backend.query([job_id])
        with pytest.raises(BackendUnavailable):
            cluster.backend.cancel([job_id])
        with pytest.raises(BackendUnavailable):
            cluster.backend.submit(job_spec("sleep 1"))
        with pytest.raises(BackendUnavailable):
            cluster.backend.info()
        with pytest.raises(BackendUnavailable):
            cluster.backend.nodes()
    finally:
        cluster.recover()
    until(lambda: answers(cluster, job_id), cluster.patience)
    # A slurmctld killed before it saved its state starts the job a second time.
    assert wait_for(cluster, job_id, JobState.RUNNING, seconds=2 * cluster.patience)


def test_info_names_the_release_and_the_backend(cluster: Cluster) -> None:
    info = cluster.backend.info()
    assert info.backend == cluster.backend.name
    assert info.slurm_release.split(".")[0].isdigit()
