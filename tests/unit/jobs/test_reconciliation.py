"""Jobs without records, records without jobs, and pods that nobody asks about or deletes."""

from dataclasses import replace

import pytest

from slurm_plugin.config.settings import JobSettings
from slurm_plugin.jobs import mark
from slurm_plugin.jobs.record import Final
from slurm_plugin.jobs.retention import expired
from slurm_plugin.slurm.states import JobFlag, JobState
from tests.fakes.pods import KEY, UID, create_of, pod_of, record_of, spec_of, uid_of
from tests.fakes.world import World

_INTERVAL = 120


def _world(tmp_path, **jobs):
    root = tmp_path / "jobs"
    made = World(root, jobs=JobSettings(data_root_folder=root, shared_fs=True, **jobs))
    made.boot()
    return made


@pytest.fixture
def world(tmp_path):
    made = _world(tmp_path)
    yield made
    made.close()


def _stray(world, *, folder=None, uid=UID):
    """A job with a mark of this data folder (or another) that no record knows."""
    folder = world.plugin.store.folder_id if folder is None else folder
    text = mark.comment("default", "demo", uid, folder)
    return world.backend.submit(replace(spec_of(uid), comment=text))


def _terminated(world):
    (status,) = world.plugin.pods.statuses([pod_of()])
    return status.containers[0].state.terminated


# Jobs without a record --------------------------------------------------------------------


def test_a_job_without_a_record_is_adopted_and_answers_again(world):
    job = _stray(world)
    world.rounds(2)
    (status,) = world.plugin.pods.statuses([pod_of()])
    assert (status.jid, status.name) == (str(job), "demo")
    assert world.plugin.pods.create(create_of()).job_id == job
    world.backend.set_state(job, JobState.FAILED, exit_code=7)
    world.rounds(5)
    assert _terminated(world).exit_code == 7
    world.boot()
    assert _terminated(world).exit_code == 7


def test_an_adopted_job_ends_with_its_pods_delete(world):
    job = _stray(world)
    world.rounds(2)
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.rounds(20)
    assert world.backend.job(job).state is JobState.CANCELLED
    assert world.directories() == []


def test_an_orphan_is_cancelled_where_the_operator_wants_that(tmp_path):
    world = _world(tmp_path, orphaned_jobs="cancel")
    job = _stray(world)
    world.rounds(2)
    assert world.backend.job(job).state is JobState.CANCELLED
    assert world.directories() == []
    world.close()


def test_a_deleted_pods_job_is_cancelled(world):
    world.plugin.pods.delete(pod_of())
    job = _stray(world)
    world.rounds(2)
    assert world.backend.job(job).state is JobState.CANCELLED
    assert world.directories() == []


def test_a_second_job_of_a_known_pod_is_cancelled(world):
    known = world.plugin.pods.create(create_of()).job_id
    second = _stray(world)
    world.rounds(2)
    assert world.backend.job(second).state is JobState.CANCELLED
    assert world.backend.job(known).state is JobState.RUNNING


@pytest.mark.parametrize("orphans", ["adopt", "cancel"])
@pytest.mark.parametrize("folder", ["0123456789ab", ""])
def test_jobs_of_another_data_folder_are_never_touched(tmp_path, orphans, folder):
    world = _world(tmp_path, orphaned_jobs=orphans)
    job = _stray(world, folder=folder)
    world.plugin.pods.delete(pod_of())
    world.rounds(2 * _INTERVAL)
    assert world.backend.job(job).state is JobState.RUNNING
    assert world.directories() == []
    world.close()


def test_a_job_that_ended_needs_no_record(world):
    done, ending = _stray(world), _stray(world, uid=uid_of(1))
    world.backend.set_state(done, JobState.COMPLETED)
    world.backend.set_state(ending, JobState.RUNNING, JobFlag.COMPLETING)
    world.rounds(2)
    assert world.directories() == []
    assert world.backend.calls["lookup"] == 0


def test_a_job_that_ended_after_the_list_was_made_is_left_alone(world):
    world.plugin.pods.delete(pod_of())
    job = _stray(world)
    marked = world.backend.marked

    def late(prefix):
        jobs = marked(prefix)
        world.backend.set_state(job, JobState.COMPLETED)
        return jobs

    world.backend.marked = late
    world.rounds(2)
    assert world.backend.calls["cancel"] == 0


def test_a_pod_whose_submission_is_in_doubt_is_the_submitters(world):
    store = world.plugin.store
    store.directory(KEY).mkdir()
    store.save(record_of())
    (store.directory(KEY) / "job.slurm").write_text(spec_of().script)
    job = _stray(world)
    world.plugin.pods._reconciler.refresh()
    assert world.backend.job(job).state is JobState.RUNNING
    assert store.load(KEY).phase == "submitting"


def test_one_pods_trouble_does_not_stop_the_comparison(world):
    store = world.plugin.store
    store.directory(KEY).mkdir()
    (store.directory(KEY) / "record.json").write_text("{")
    _stray(world)
    second = _stray(world, uid=uid_of(1))
    world.rounds(2)
    assert [record.job_id for record in _records(world)] == [second]


def _records(world):
    store = world.plugin.store
    return [store.load(key) for key in store.keys() if key != KEY]  # noqa: SIM118


def test_the_comparison_runs_every_so_often_and_outlives_an_outage(world):
    world.backend.go_away()
    world.rounds(1)
    world.backend.come_back()
    job = _stray(world)
    world.rounds(_INTERVAL - 5)
    assert world.directories() == []
    world.rounds(6)
    assert world.directories() == [KEY.directory_name]
    assert world.backend.calls["marked"] == 2
    assert world.backend.job(job).state is JobState.RUNNING


def test_nothing_is_compared_before_the_folder_was_looked_through(tmp_path):
    world = World(tmp_path / "jobs")
    world.boot(recover=False)
    world.rounds(5)
    assert world.backend.calls["marked"] == 0
    world.close()


# Records without a job --------------------------------------------------------------------


def _final(world):
    return world.plugin.store.load(KEY).final


def test_the_end_of_a_pod_is_stored_although_nobody_asks(world):
    job = world.plugin.pods.create(create_of()).job_id
    world.rounds(2)
    world.backend.set_state(job, JobState.FAILED, exit_code=3)
    world.rounds(2 * _INTERVAL)
    assert _final(world).containers[0].state.terminated.exit_code == 3
    queries = world.backend.calls["query"]
    world.backend.forget_ended()
    world.backend.accounting = False
    world.rounds(2 * _INTERVAL)
    assert _terminated(world).exit_code == 3
    assert world.backend.calls["query"] == queries


def test_a_pod_that_ended_between_two_looks_is_settled_by_accounting(world):
    job = world.plugin.pods.create(create_of()).job_id
    world.rounds(2)
    world.backend.set_state(job, JobState.COMPLETED)
    world.backend.forget_ended()
    world.rounds(3 * _INTERVAL)
    assert _final(world).containers[0].state.terminated.exit_code == 0


def test_a_pod_whose_job_nobody_knows_is_lost_in_the_end(world):
    job = world.plugin.pods.create(create_of()).job_id
    world.rounds(2)
    world.backend.lose_job(job)
    world.rounds(2 * _INTERVAL)
    assert _final(world) is None
    world.rounds(600)
    end = _final(world).containers[0].state.terminated
    assert (end.exit_code, end.reason) == (1, "JobLost")


def test_a_running_pod_is_not_settled(world):
    world.plugin.pods.create(create_of())
    world.rounds(3 * _INTERVAL)
    assert _final(world) is None


def test_a_pod_that_a_status_request_settled_meanwhile_is_not_asked_for_again(world):
    job = world.plugin.pods.create(create_of()).job_id
    world.backend.set_state(job, JobState.COMPLETED)
    tracker = world.plugin.tracker
    assert _terminated(world).exit_code == 0
    tracker.track(job)
    world.plugin.pods._observer.settle(KEY, tracker.current())
    assert tracker.figures().tracked == 0


# Deletes ----------------------------------------------------------------------------------


def test_a_delete_that_was_killed_before_its_record_is_carried_out(world):
    job = world.plugin.pods.create(create_of()).job_id
    world.plugin.store.bury(KEY)
    world.boot()
    world.rounds(60)
    assert world.backend.job(job).state is JobState.CANCELLED
    assert world.directories() == []


def _damage(world):
    (world.plugin.store.directory(KEY) / "record.json").write_text("{")
    world.boot()


def test_a_pod_with_a_damaged_record_is_deleted_with_its_job(world):
    job = world.plugin.pods.create(create_of()).job_id
    _damage(world)
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.rounds(20)
    assert world.backend.job(job).state is JobState.CANCELLED
    assert world.directories() == []


def test_a_damaged_record_of_a_deleted_pod_is_seen_to_after_a_restart(world):
    job = world.plugin.pods.create(create_of()).job_id
    world.plugin.store.bury(KEY)
    _damage(world)
    world.rounds(60)
    assert world.backend.job(job).state is JobState.CANCELLED
    assert world.directories() == []


def test_a_namesake_is_no_job_of_a_pod_with_a_damaged_record(world):
    world.backend.lose_job(world.plugin.pods.create(create_of()).job_id)
    theirs = world.backend.add_foreign_job(name=UID, comment="theirs")
    _damage(world)
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.rounds(20)
    assert world.backend.job(theirs).state is JobState.RUNNING
    assert world.directories() == []


def test_the_go_plugins_job_of_a_damaged_record_is_known_by_its_name(world):
    store = world.plugin.store
    job = world.backend.submit(replace(spec_of(), comment=""))
    store.directory(KEY).mkdir()
    (store.directory(KEY) / "JobID.jid").write_text(str(job))
    (store.directory(KEY) / "PodUID.uid").write_text(UID)
    _damage(world)
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.rounds(20)
    assert world.backend.job(job).state is JobState.CANCELLED


# Retention --------------------------------------------------------------------------------


def test_a_finished_pod_goes_when_its_delete_never_came(tmp_path):
    world = _world(tmp_path, retain_finished_seconds=7200)
    job = world.plugin.pods.create(create_of()).job_id
    world.backend.set_state(job, JobState.COMPLETED)
    world.rounds(2 * _INTERVAL)
    world.clock.advance(6800)
    world.rounds(_INTERVAL)
    assert world.directories() == [KEY.directory_name]
    world.clock.advance(400)
    world.rounds(2 * _INTERVAL)
    assert world.directories() == []
    world.close()


@pytest.mark.parametrize(
    ("changes", "age", "retain", "gone"),
    [
        ({"final": Final(0.0, [])}, 7201, 7200, True),
        ({"final": Final(0.0, [])}, 7199, 7200, False),
        ({"final": Final(0.0, [])}, 3599, 0, False),
        ({"final": Final(0.0, [])}, 3601, 0, True),
        ({"phase": "refused", "created": 0.0}, 7201, 7200, True),
        ({"phase": "refused", "created": 7000.0}, 7201, 7200, False),
        ({"phase": "submitted", "job_id": 1, "created": 0.0}, 1e9, 7200, False),
        ({"phase": "submitting", "created": 0.0}, 1e9, 7200, False),
        ({"final": Final(0.0, []), "delete_requested": 1.0}, 7201, 7200, False),
    ],
)
def test_only_what_is_finished_for_long_expires(changes, age, retain, gone):
    assert expired(record_of(**changes), age, retain) is gone
