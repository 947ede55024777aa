"""Exactly one job per pod, whatever becomes of SLURM's answers."""

import pytest

from slurm_plugin.errors import (
    BackendUnavailable,
    InvalidRequest,
    SlurmRefused,
    StorageFailed,
    UnexpectedAnswer,
)
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.record import StoredSpec
from slurm_plugin.jobs.submission import Attempt, Submitter, is_ours, refused
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobState
from tests.fakes.fake_backend import away
from tests.fakes.pods import KEY, UID, record_of, spec_of

SCRIPT = "#!/bin/bash\nexit 0\n"


@pytest.fixture
def submitter(backend, store, tracker, clock):
    store.directory(KEY).mkdir()
    return Submitter(backend, store, tracker, clock)


def test_an_answered_submission_is_stored_and_tracked(submitter, backend, store, tracker, clock):
    pod, _ = submitter.submit_before(record_of(), SCRIPT, clock.monotonic() + 20)
    assert (pod.phase, pod.job_id, pod.jid) == ("submitted", 1, "1")
    assert backend.spec(1) == spec_of()
    data = (store.directory(KEY) / "record.json").read_text()
    assert '"job_id":1' in data
    assert tracker.figures().tracked == 1


def test_a_lost_answer_leads_to_the_job_that_was_made(submitter, backend, clock):
    backend.fail_next("submit", away(outcome_unknown=True), after_effect=True)
    pod, _ = submitter.submit_before(record_of(), SCRIPT, clock.monotonic() + 20)
    assert pod.job_id == 1
    assert backend.job_ids(UID) == [1]


def test_an_answer_that_makes_no_sense_counts_as_lost(submitter, backend, clock):
    backend.fail_next("submit", UnexpectedAnswer("job id: x"), after_effect=True)
    pod, _ = submitter.submit_before(record_of(), SCRIPT, clock.monotonic() + 20)
    assert pod.job_id == 1
    assert backend.job_ids(UID) == [1]


def test_after_a_lost_request_two_empty_searches_come_before_the_next_try(
    submitter, backend, clock
):
    backend.fail_next("submit", away(outcome_unknown=True))
    attempt = Attempt(doubtful=False)
    pod = submitter.step(record_of(), SCRIPT, attempt)
    clock.advance(1)
    pod = submitter.step(pod, SCRIPT, attempt)
    clock.advance(2.9)
    pod = submitter.step(pod, SCRIPT, attempt)
    assert (backend.calls["find"], backend.calls["submit"]) == (2, 1)
    clock.advance(0.2)
    pod = submitter.step(pod, SCRIPT, attempt)
    pod = submitter.step(pod, SCRIPT, attempt)
    assert (backend.calls["find"], backend.calls["submit"]) == (3, 2)
    assert pod.job_id == 1


def test_a_request_that_arrives_late_is_found_by_the_second_search(submitter, backend, clock):
    backend.fail_next("submit", away(outcome_unknown=True))
    attempt = Attempt(doubtful=False)
    pod = submitter.step(record_of(), SCRIPT, attempt)
    clock.advance(1)
    pod = submitter.step(pod, SCRIPT, attempt)
    late = backend.submit(spec_of())
    clock.advance(3.1)
    pod = submitter.step(pod, SCRIPT, attempt)
    assert pod.job_id == late
    assert backend.job_ids(UID) == [late]


def test_a_failed_search_starts_the_searching_anew(submitter, backend, clock):
    attempt = Attempt(doubtful=True)
    pod = submitter.step(record_of(), SCRIPT, attempt)
    backend.fail_next("find", away())
    clock.advance(3.1)
    pod = submitter.step(pod, SCRIPT, attempt)
    clock.advance(10)
    submitter.step(pod, SCRIPT, attempt)
    assert attempt.doubtful
    assert backend.calls["submit"] == 0


def test_while_slurm_is_away_the_pod_is_kept(submitter, backend, clock):
    backend.go_away()
    begin = clock.monotonic()
    pod, attempt = submitter.submit_before(record_of(), SCRIPT, begin + 20)
    assert pod.phase == "submitting"
    assert pod.jid == UID
    assert not attempt.doubtful
    assert clock.monotonic() - begin <= 20
    assert backend.calls["submit"] > 2


def test_tries_come_later_and_later(submitter, backend, clock):
    backend.go_away()
    attempt, pauses = Attempt(doubtful=False), []
    for _ in range(9):
        submitter.step(record_of(), SCRIPT, attempt)
        pauses.append(attempt.next_try - clock.monotonic())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("error", [SlurmRefused("no"), InvalidRequest("no")])
def test_a_refusal_is_passed_on(submitter, backend, clock, error):
    backend.fail_next("submit", error)
    with pytest.raises(type(error)):
        submitter.submit_before(record_of(), SCRIPT, clock.monotonic() + 20)


def test_a_namesake_of_another_user_is_not_taken_for_the_pods_job(submitter, backend, clock):
    theirs = backend.add_foreign_job(name=UID, comment="mine")
    backend.fail_next("submit", away(outcome_unknown=True))
    pod, _ = submitter.submit_before(record_of(), SCRIPT, clock.monotonic() + 20)
    assert pod.job_id not in {None, theirs}


def test_a_job_id_that_cannot_be_stored_is_remembered(backend, store, tracker, clock, monkeypatch):
    store.directory(KEY).mkdir()

    def full(self, path, content, mode=0):
        raise StorageFailed("full")

    monkeypatch.setattr(Files, "write", full)
    submitter = Submitter(backend, store, tracker, clock)
    pod, _ = submitter.submit_before(record_of(), SCRIPT, clock.monotonic() + 20)
    assert pod.job_id == 1
    assert store.load(KEY) == pod


def test_only_pods_whose_time_has_come_are_due(submitter, clock):
    submitter.keep(KEY, Attempt(doubtful=False, next_try=clock.monotonic() + 5))
    assert submitter.due() == []
    clock.advance(5)
    assert [key for key, _ in submitter.due()] == [KEY]
    assert submitter.waiting() == 1
    submitter.drop(KEY)
    assert submitter.waiting() == 0


def test_a_missing_script_is_a_storage_failure(submitter, store):
    with pytest.raises(StorageFailed, match="missing"):
        submitter.script(KEY)
    (store.directory(KEY) / "job.slurm").write_text(SCRIPT)
    assert submitter.script(KEY) == SCRIPT


def test_jobs_are_known_by_their_mark():
    pod = record_of()
    assert is_ours(pod, JobInfo(1, JobState.RUNNING, comment=spec_of().comment))
    assert not is_ours(pod, JobInfo(1, JobState.RUNNING, name=UID))
    go = record_of(spec=None, go_plugin=True)
    assert is_ours(go, JobInfo(1, JobState.RUNNING, name=UID))
    assert not is_ours(go, JobInfo(1, JobState.RUNNING, comment=f"x {UID}"))


def test_a_refused_record_says_why():
    pod = refused(record_of(), BackendUnavailable("why"))
    assert (pod.phase, pod.message) == ("refused", "why")
    assert isinstance(pod.spec, StoredSpec)
