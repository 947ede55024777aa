"""The rules of the client (contract, sections 3.3 and 3.4) for whatever SLURM and files say."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.jobs.container_files import ContainerFile
from slurm_plugin.jobs.record import ContainerRecord
from slurm_plugin.jobs.status import Life, Sight, life_of, observe, of_this_run, pending_story
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobFlag, JobState

NOW = 1_800_000_000
APP = ContainerRecord("app", "app", "busybox")
INIT = ContainerRecord("init", "init", "busybox")
SIDE = ContainerRecord("side", "sidecar", "busybox")
ENDED = ContainerFile(job=1, requeue=0, started=NOW - 60, finished=NOW - 5, exit_code=0)
STARTED = ContainerFile(job=1, requeue=0, started=NOW - 60)
_REQUEUED = {
    JobFlag.REQUEUED,
    JobFlag.REQUEUE_FED,
    JobFlag.REQUEUE_HOLD,
    JobFlag.RESV_DEL_HOLD,
    JobFlag.SPECIAL_EXIT,
}

codes = st.one_of(st.none(), st.integers(0, 255))
epochs = st.one_of(st.none(), st.integers(0, 2 * NOW))
files = st.builds(
    ContainerFile,
    job=st.one_of(st.none(), st.just(1)),
    requeue=st.one_of(st.none(), st.integers(0, 2)),
    restarts=st.integers(0, 3),
    started=epochs,
    ready=st.booleans(),
    finished=epochs,
    exit_code=codes,
    signal=st.integers(0, 64),
    reason=st.text(max_size=5),
    message=st.text(max_size=5),
    stopped=epochs,
)
jobs = st.builds(
    JobInfo,
    job_id=st.just(1),
    state=st.sampled_from(JobState),
    flags=st.frozensets(st.sampled_from(JobFlag), max_size=3),
    reason=st.sampled_from(["", "Resources", "TimeLimit"]),
    exit_code=st.integers(0, 255),
    signal=st.integers(0, 64),
    start_time=st.one_of(epochs, st.just(2**63)),
    end_time=epochs,
    nodes=st.sampled_from(["", "n[1-3]"]),
    restarts=st.integers(0, 2),
)


@st.composite
def sights(draw):
    """A pod's containers, those it was created with, and what is known of it."""
    kinds = draw(st.lists(st.sampled_from(["init", "sidecar"]), max_size=3))
    kinds += ["app"] * draw(st.integers(1, 3))
    requested = [ContainerRecord(f"c{i}", kind, "img") for i, kind in enumerate(kinds)]
    known = frozenset(c.name for c in requested if draw(st.booleans())) | {requested[-1].name}
    lost = draw(st.booleans())
    job = None if lost else draw(st.one_of(st.none(), jobs))
    present = {c.name: of_this_run(draw(files), job) for c in requested if c.name in known}
    script = draw(st.one_of(st.none(), files))
    waiting = "" if job else "waits"
    sight = Sight(job, present, script, float(NOW), waiting, "lost" if lost else "")
    return requested, known, sight


@given(sights())
def test_each_requested_container_has_one_entry_in_order_with_one_state(case):
    requested, known, sight = case
    seen = observe(requested, known, sight)
    assert [s.name for s in seen.init_containers] == [c.name for c in requested if c.kind != "app"]
    assert [s.name for s in seen.containers] == [c.name for c in requested if c.kind == "app"]
    for status in (*seen.init_containers, *seen.containers):
        states = (status.state.waiting, status.state.running, status.state.terminated)
        assert sum(state is not None for state in states) == 1


@given(sights())
def test_init_states_never_step_back(case):
    seen = observe(*case)
    ranks = [0 if s.state.terminated else 1 if s.state.running else 2 for s in seen.init_containers]
    assert ranks == sorted(ranks)
    assert ranks.count(1) <= 1


@given(sights())
def test_a_final_answer_is_terminated_throughout_and_only_then(case):
    requested, known, sight = case
    seen = observe(requested, known, sight)
    ends = [s.state.terminated for s in (*seen.init_containers, *seen.containers)]
    if seen.final:
        assert all(ends)
    elif all(ends):
        # A failed pod may be seen a moment before SLURM says that the job ended; a pod that
        # succeeded may not: every known container has told its end then.
        assert known != {c.name for c in requested}


@given(sights())
def test_exit_code_0_is_said_only_where_a_file_or_completed_says_so(case):
    requested, known, sight = case
    seen = observe(requested, known, sight)
    completed = sight.job is not None and sight.job.state is JobState.COMPLETED
    kinds = {c.name: c.kind for c in requested}
    for status in (*seen.init_containers, *seen.containers):
        end = status.state.terminated
        if end is None or end.exit_code != 0 or completed or status.name not in known:
            continue
        file = sight.files[status.name]
        own = file.exit_code == 0
        sidecar = kinds[status.name] == "sidecar" and (file.started is not None or file.ended)
        invisible = kinds[status.name] != "app" and sight.script is None and not seen.final
        assert own or sidecar or invisible


@given(sights())
def test_answers_are_json_that_the_client_can_read(case):
    seen = observe(*case)
    for status in (*seen.init_containers, *seen.containers):
        wire = json.loads(msgspec.json.encode(status))
        assert isinstance(wire["restartCount"], int)
        assert wire["imageID"] == ""
        assert wire["lastState"] == {}
        ((kind, state),) = wire["state"].items()
        if kind == "terminated":
            assert type(state["exitCode"]) is int
            assert 0 <= state["exitCode"] <= 255
        for key in ("startedAt", "finishedAt"):
            assert state.get(key) is None or state[key].endswith("Z")


@given(sights())
def test_a_job_that_waits_or_returns_to_the_queue_ends_nobody(case):
    requested, known, sight = case
    job = sight.job
    if job is None or not (job.state is JobState.PENDING or job.flags & _REQUEUED):
        return
    seen = observe(requested, known, sight)
    assert not seen.final
    assert all(s.state.waiting for s in (*seen.init_containers, *seen.containers))


@pytest.mark.parametrize("state", list(JobState))
@pytest.mark.parametrize("flag", [None, *JobFlag])
def test_every_state_with_every_flag_has_a_life(state, flag):
    flags = frozenset() if flag is None else frozenset({flag})
    life = life_of(JobInfo(1, state, flags), all_ended=False)
    booting = flag in {JobFlag.CONFIGURING, JobFlag.POWER_UP_NODE}
    if flag in _REQUEUED or state is JobState.PENDING or (state is JobState.RUNNING and booting):
        expected = Life.WAITING
    elif flag is JobFlag.COMPLETING or not state.is_terminal:
        expected = Life.ALIVE
    else:
        expected = Life.ENDED
    assert life is expected


def _seen(*containers, job=None, known=None, script=STARTED, **files):
    names = frozenset(c.name for c in containers) if known is None else frozenset(known)
    job = job or JobInfo(1, JobState.RUNNING, start_time=NOW - 300, nodes="n1")
    return observe(containers, names, Sight(job, files, script, float(NOW)))


def test_a_container_without_ready_probe_runs_once_started():
    assert _seen(APP, app=STARTED).containers[0].state.running is not None


def test_not_ready_is_said_as_waiting():
    file = changed(STARTED, ready=False, message="probe failed")
    waiting = _seen(APP, app=file).containers[0].state.waiting
    assert waiting is not None
    assert (waiting.reason, waiting.message) == ("NotReady", "probe failed")


def test_the_end_of_all_containers_is_told_before_slurm_says_so():
    assert _seen(APP, app=ENDED).final


def test_an_init_container_whose_file_is_late_does_not_fail_a_pod_that_succeeded():
    seen = _seen(INIT, APP, app=ENDED)
    assert not seen.final
    assert seen.init_containers[0].state.terminated is None


def test_a_sidecar_needs_only_to_have_begun():
    seen = _seen(SIDE, APP, side=STARTED, app=ENDED)
    assert seen.final
    end = seen.init_containers[0].state.terminated
    assert end is not None
    assert end.exit_code == 0


def test_after_a_failed_init_container_everything_ends_in_one_answer():
    failed = changed(ENDED, exit_code=3)
    job = JobInfo(1, JobState.FAILED, exit_code=3, start_time=NOW - 300, end_time=NOW, nodes="n1")
    seen = _seen(INIT, APP, job=job, init=failed)
    ends = [s.state.terminated for s in (*seen.init_containers, *seen.containers)]
    assert [end.exit_code if end else None for end in ends] == [3, 3]


@pytest.mark.parametrize("container", [INIT, SIDE])
def test_an_init_container_that_runs_in_kubernetes_does_not_hold_the_pod_back(container):
    seen = _seen(container, APP, known=["app"], app=STARTED)
    assert seen.init_containers[0].state.terminated is not None
    assert seen.containers[0].state.running is not None


def test_an_app_container_that_runs_in_kubernetes_mirrors_the_job():
    other = ContainerRecord("other", "app")
    assert _seen(APP, other, known=["app"], app=STARTED).containers[1].state.running
    assert _seen(APP, other, known=["app"], app=ENDED).containers[1].state.terminated


def test_files_of_the_run_before_a_requeue_count_for_nothing():
    job = JobInfo(1, JobState.RUNNING, restarts=1)
    assert of_this_run(ENDED, job) == ContainerFile()
    assert of_this_run(ENDED, JobInfo(2, JobState.RUNNING)) == ContainerFile()
    assert of_this_run(ENDED, JobInfo(1, JobState.RUNNING)) is ENDED


def test_a_job_that_runs_for_long_without_visible_files_counts_as_running():
    seen = _seen(INIT, APP, script=None)
    assert seen.init_containers[0].state.terminated is not None
    assert seen.containers[0].state.running is not None


def test_a_job_that_began_just_now_is_still_creating_its_containers():
    job = JobInfo(1, JobState.RUNNING, start_time=NOW - 3, nodes="n1")
    waiting = _seen(APP, job=job, script=None).containers[0].state.waiting
    assert waiting is not None
    assert waiting.reason == "ContainerCreating"


def test_a_lost_job_is_terminated_with_1_and_says_so():
    seen = observe([APP], frozenset({"app"}), Sight(None, {}, None, float(NOW), lost="gone"))
    end = seen.containers[0].state.terminated
    assert end is not None
    assert (end.exit_code, end.message) == (1, "gone")


def test_a_pending_job_tells_why_and_until_when():
    job = JobInfo(7, JobState.PENDING, reason="Resources", start_time=0, restarts=2)
    assert pending_story(job) == "Pending: Resources, requeued 2 times (job 7)"
    job = JobInfo(7, JobState.PENDING, reason="Resources", start_time=1_769_868_300)
    assert pending_story(job) == (
        "Pending: Resources, estimated start 2026-01-31 14:05 UTC (job 7)"
    )


def test_a_start_beyond_all_dates_is_left_out():
    job = JobInfo(7, JobState.PENDING, start_time=2**63)
    assert pending_story(job) == "Pending: None (job 7)"


def changed(file, **changes):
    return ContainerFile(**{**{f: getattr(file, f) for f in file.__slots__}, **changes})


def test_a_later_init_container_is_held_back_until_the_file_of_the_earlier_is_seen():
    second = ContainerRecord("second", "init", "busybox")
    seen = _seen(INIT, second, APP, second=ENDED, app=STARTED)
    assert [s.state.waiting is not None for s in seen.init_containers] == [True, True]
    seen = _seen(INIT, second, APP, init=ENDED, second=ENDED, app=STARTED)
    assert [s.state.terminated is not None for s in seen.init_containers] == [True, True]


STOPPED = ContainerFile(job=1, requeue=0, started=NOW - 60, finished=NOW, exit_code=143, signal=15)
SCRIPT_STOPPED = ContainerFile(job=1, requeue=0, started=NOW - 60, stopped=NOW - 1)


def _states(job, file, script):
    seen = observe([APP], frozenset({"app"}), Sight(job, {"app": file}, script, float(NOW)))
    return seen.containers[0].state, seen.final


@pytest.mark.parametrize("script", [SCRIPT_STOPPED, None])
@pytest.mark.parametrize(
    "job",
    [
        JobInfo(1, JobState.RUNNING, nodes="n1"),
        JobInfo(1, JobState.UNKNOWN, frozenset({JobFlag.COMPLETING}), nodes="n1"),
    ],
)
def test_containers_that_slurm_stopped_run_until_slurm_says_why(job, script):
    state, final = _states(job, STOPPED, script)
    assert state.running is not None
    assert not final


def test_a_stopped_container_whose_job_is_requeued_waits():
    job = JobInfo(1, JobState.PENDING, frozenset({JobFlag.REQUEUED}), restarts=0)
    state, final = _states(job, STOPPED, SCRIPT_STOPPED)
    assert state.waiting is not None
    assert not final


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (JobState.TIMEOUT, "DeadlineExceeded"),
        (JobState.PREEMPTED, "Preempted"),
        (JobState.CANCELLED, "Cancelled"),
        (JobState.NODE_FAIL, "NodeLost"),
    ],
)
def test_the_end_of_a_stopped_container_tells_slurms_reason(state, reason):
    job = JobInfo(1, state, nodes="n1", start_time=NOW - 60, end_time=NOW)
    seen, final = _states(job, STOPPED, SCRIPT_STOPPED)
    assert final
    assert seen.terminated.exit_code == 143
    assert seen.terminated.reason == reason
    assert state.value in seen.terminated.message


def test_a_container_that_ended_before_the_stop_keeps_its_own_end():
    both = [APP, ContainerRecord("other", "app", "busybox")]
    files = {"app": ENDED, "other": STOPPED}
    job = JobInfo(1, JobState.RUNNING, nodes="n1")
    seen = observe(both, frozenset({"app", "other"}), Sight(job, files, SCRIPT_STOPPED, float(NOW)))
    assert seen.containers[0].state.terminated.exit_code == 0
    assert seen.containers[1].state.running is not None


def test_one_killed_container_among_running_ones_has_ended():
    both = [APP, ContainerRecord("other", "app", "busybox")]
    killed = ContainerFile(job=1, requeue=0, started=1, finished=2, exit_code=137, signal=9)
    job = JobInfo(1, JobState.RUNNING, nodes="n1")
    sight = Sight(job, {"app": killed, "other": STARTED}, None, float(NOW))
    seen = observe(both, frozenset({"app", "other"}), sight)
    assert seen.containers[0].state.terminated.exit_code == 137
    assert seen.containers[1].state.running is not None


def test_slurms_story_follows_what_the_script_said_itself():
    said = ContainerFile(job=1, started=1, finished=2, exit_code=143, signal=15, message="stopped")
    job = JobInfo(1, JobState.TIMEOUT, nodes="n1", start_time=NOW - 60, end_time=NOW)
    state, _ = _states(job, said, None)
    assert state.terminated.message.startswith("stopped; TIMEOUT after 00:01:00 on n1 (job 1)")
