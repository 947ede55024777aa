"""TERM, grace, cancel, and only then the files; nobody else's job is ever touched."""

import signal

import pytest

from slurm_plugin.errors import SlurmRefused
from slurm_plugin.jobs.deletion import Reaper, requested
from slurm_plugin.jobs.record import Final
from slurm_plugin.slurm.states import JobFlag, JobState
from tests.fakes.fake_backend import away
from tests.fakes.pods import KEY, record_of, spec_of, uid_of


class _Scene:
    """A reaper with one deleted pod, and time that passes round by round."""

    def __init__(self, backend, store, tracker, clock):
        self.backend, self.store, self.clock, self.tracker = backend, store, clock, tracker
        self.reaper = Reaper(backend, store, tracker, clock)

    def submitted(self, **changes):
        job = self.backend.submit(spec_of())
        pod = record_of(phase="submitted", job_id=job, submitted=0.0, **changes)
        self.begin(pod)
        return job

    def begin(self, pod, grace=None):
        self.store.directory(KEY).mkdir(exist_ok=True)
        self.store.save(requested(pod, self.clock.now(), grace))
        self.reaper.keep(KEY)

    def rounds(self, seconds):
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            for key in self.reaper.due():
                self.reaper.step(key)
            self.clock.advance(0.5)

    @property
    def gone(self):
        return not self.store.directory(KEY).exists()


@pytest.fixture
def scene(backend, store, tracker, clock):
    return _Scene(backend, store, tracker, clock)


def test_a_running_job_is_asked_first_and_cancelled_after_its_grace_period(scene):
    job = scene.submitted(grace_seconds=30)
    scene.rounds(34)
    assert scene.backend.signals(job) == [signal.SIGTERM]
    assert scene.backend.job(job).state is JobState.RUNNING
    assert not scene.gone
    scene.rounds(15)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone
    assert scene.store.buried(KEY)
    assert scene.reaper.waiting() == 0


def test_a_job_that_heeds_term_is_not_cancelled(scene):
    scene.backend.heeds_term = True
    scene.submitted()
    scene.rounds(10)
    assert scene.backend.calls["cancel"] == 0
    assert scene.gone


def test_the_deletes_own_grace_period_wins(scene):
    job = scene.backend.submit(spec_of())
    scene.begin(record_of(phase="submitted", job_id=job), grace=0)
    scene.rounds(1)
    assert scene.backend.signals(job) == []
    assert scene.backend.job(job).state is JobState.CANCELLED


def test_a_pending_job_is_cancelled_at_once(scene):
    scene.backend.set_partition("main", up=False)
    job = scene.submitted()
    scene.rounds(1)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.backend.signals(job) == []


def test_a_job_that_ended_needs_nothing(scene):
    job = scene.submitted()
    scene.backend.set_state(job, JobState.COMPLETED)
    scene.rounds(1)
    assert scene.gone
    assert scene.backend.calls["cancel"] == 0


def test_the_files_stay_while_the_job_is_completing(scene):
    job = scene.submitted()
    scene.backend.set_state(job, JobState.CANCELLED, JobFlag.COMPLETING)
    scene.rounds(20)
    assert not scene.gone
    assert scene.backend.calls["signal"] + scene.backend.calls["cancel"] == 0
    scene.backend.set_state(job, JobState.CANCELLED)
    scene.rounds(5)
    assert scene.gone


def test_a_job_that_slurm_does_not_know_leaves_only_its_files(scene):
    job = scene.submitted()
    scene.backend.lose_job(job)
    scene.rounds(1)
    assert scene.gone


def test_a_job_id_that_now_belongs_to_somebody_else_is_left_alone(scene):
    theirs = scene.backend.add_foreign_job()
    scene.begin(record_of(phase="submitted", job_id=theirs))
    scene.rounds(60)
    assert scene.gone
    assert scene.backend.signals(theirs) == []
    assert scene.backend.job(theirs).state is JobState.RUNNING


def test_a_picture_from_before_the_delete_is_no_proof_that_the_job_is_gone(scene):
    other = scene.backend.submit(spec_of(uid_of(1)))
    scene.tracker.track(other)
    scene.tracker.current()
    job = scene.submitted(grace_seconds=5)
    scene.rounds(1.5)
    assert not scene.gone
    scene.rounds(30)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone


def test_a_pod_whose_files_told_its_end_still_has_its_job_cancelled(scene):
    job = scene.submitted(grace_seconds=0, final=Final(0.0, []))
    scene.rounds(10)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone


def test_a_pod_whose_job_ended_is_removed_without_asking(scene):
    job = scene.backend.submit(spec_of())
    scene.backend.set_state(job, JobState.FAILED)
    pod = record_of(phase="submitted", job_id=job, last_job=scene.backend.job(job))
    scene.begin(
        record_of(
            **{f: getattr(pod, f) for f in ("phase", "job_id", "last_job")}, final=Final(0.0, [])
        )
    )
    scene.backend.go_away()
    scene.rounds(1)
    assert scene.gone


def test_a_refused_pod_is_removed_without_asking(scene):
    scene.begin(record_of(phase="refused"))
    scene.backend.go_away()
    scene.rounds(1)
    assert scene.gone


def test_the_intent_outlasts_an_outage(scene):
    job = scene.submitted(grace_seconds=1)
    scene.backend.go_away()
    scene.rounds(600)
    assert not scene.gone
    assert scene.reaper.waiting() == 1
    scene.backend.come_back()
    scene.rounds(60)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone


def test_a_lost_answer_to_cancel_does_no_harm(scene):
    job = scene.submitted(grace_seconds=0)
    scene.backend.fail_next("cancel", away(outcome_unknown=True), after_effect=True)
    scene.rounds(60)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone


def test_a_refused_cancel_is_tried_again(scene):
    scene.submitted(grace_seconds=0)
    scene.backend.fail_next("cancel", SlurmRefused("no"), times=3)
    scene.rounds(60)
    assert scene.gone


def test_a_pod_deleted_before_its_job_id_was_known_is_found_and_cancelled(scene):
    job = scene.backend.submit(spec_of())
    scene.begin(record_of(), grace=0)
    scene.rounds(10)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone


def test_a_pod_deleted_in_doubt_is_searched_for_twice(scene):
    scene.begin(record_of(), grace=0)
    scene.rounds(2)
    assert not scene.gone
    late = scene.backend.submit(spec_of())
    scene.rounds(20)
    assert scene.backend.job(late).state is JobState.CANCELLED
    assert scene.gone


def test_a_pod_that_never_had_a_job_is_removed_once_that_is_certain(scene):
    scene.begin(record_of())
    scene.rounds(5)
    assert scene.gone
    assert scene.backend.calls["find"] == 2


def test_a_queue_that_missed_the_job_before_the_delete_is_no_proof_either(scene):
    scene.tracker.track(1)
    assert 1 in scene.tracker.current().missing_since
    job = scene.submitted(grace_seconds=5)
    assert job == 1
    scene.rounds(1.5)
    assert not scene.gone
    scene.rounds(30)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone


def test_a_job_that_a_status_request_stopped_tracking_is_still_seen_to_its_end(scene):
    scene.tracker.track(scene.backend.submit(spec_of(uid_of(1))))
    job = scene.submitted(grace_seconds=5)
    scene.rounds(1)
    scene.tracker.untrack(job)
    scene.clock.advance(3)
    assert job not in scene.tracker.current().jobs
    scene.rounds(1)
    assert not scene.gone
    scene.rounds(30)
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone
    assert scene.tracker.figures().tracked == 1


def test_an_unforeseen_error_with_one_pod_is_tried_again(scene, caplog):
    job = scene.submitted(grace_seconds=0)
    scene.backend.fail_next("cancel", ZeroDivisionError("defect"))
    scene.rounds(20)
    assert "delete put off" in caplog.text
    assert scene.backend.job(job).state is JobState.CANCELLED
    assert scene.gone
