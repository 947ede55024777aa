"""One picture of the queue for everybody."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from slurm_plugin.jobs.tracker import Tracker
from slurm_plugin.slurm.states import JobState
from tests.fakes.fake_backend import away
from tests.fakes.pods import spec_of


def test_nobody_tracked_means_no_query(backend, tracker):
    tracker.current()
    assert backend.calls["query"] == 0


def test_many_callers_share_one_query(backend, tracker):
    job = backend.submit(spec_of())
    tracker.track(job)
    backend.delay("query", 0.2)
    with ThreadPoolExecutor(16) as pool:
        snapshots = list(pool.map(lambda _: tracker.current(), range(64)))
    assert backend.calls["query"] == 1
    assert all(snapshot.jobs[job].state is JobState.RUNNING for snapshot in snapshots)


def test_a_snapshot_is_renewed_once_it_is_old(backend, tracker, clock):
    job = backend.submit(spec_of())
    tracker.track(job)
    tracker.current()
    clock.advance(1.9)
    tracker.current()
    assert backend.calls["query"] == 1
    clock.advance(0.2)
    backend.set_state(job, JobState.COMPLETED)
    assert tracker.current().jobs[job].state is JobState.COMPLETED


def test_an_untracked_job_is_not_asked_for(backend, tracker, clock):
    first, second = backend.submit(spec_of()), backend.submit(spec_of())
    tracker.track(first)
    tracker.track(second)
    tracker.current()
    tracker.untrack(first)
    clock.advance(3)
    tracker.current()
    assert backend.asked[-1] == {second}


def test_a_job_is_missing_from_the_first_query_that_does_not_show_it(backend, tracker, clock):
    job = backend.submit(spec_of())
    tracker.track(job)
    tracker.current()
    backend.lose_job(job)
    clock.advance(3)
    since = clock.monotonic()
    assert tracker.current().missing_since == {job: since}
    clock.advance(30)
    assert tracker.current().missing_since == {job: since}


def test_a_failed_query_leaves_the_last_snapshot_and_comes_later_and_later(backend, tracker, clock):
    job = backend.submit(spec_of())
    tracker.track(job)
    first = tracker.current()
    backend.go_away()
    pauses = []
    for _ in range(6):
        clock.advance(31)
        assert tracker.current() is first
        assert not tracker.healthy()
        pauses.append(tracker.figures().pause)
    assert pauses == [4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    backend.come_back()
    clock.advance(31)
    assert tracker.current() is not first
    assert tracker.healthy()
    assert tracker.figures().pause == 2.0


def test_no_query_during_the_pause_after_a_failure(backend, tracker, clock):
    tracker.track(backend.submit(spec_of()))
    backend.fail_next("query", away())
    tracker.current()
    clock.advance(3.9)
    tracker.current()
    assert backend.calls["query"] == 1
    clock.advance(0.2)
    tracker.current()
    assert backend.calls["query"] == 2


@pytest.mark.parametrize("error", [away(), ZeroDivisionError()])
def test_no_error_ends_the_refreshing(backend, tracker, clock, error):
    job = backend.submit(spec_of())
    tracker.track(job)
    backend.fail_next("query", error)
    tracker.current()
    clock.advance(31)
    assert job in tracker.current().jobs


def test_callers_wait_for_a_slow_query_no_longer_than_a_moment(backend, clock):
    tracker = Tracker(backend, 2.0, clock, wait_seconds=0.05)
    job = backend.submit(spec_of())
    tracker.track(job)
    backend.delay("query", 0.5)
    answered = threading.Event()
    caller = threading.Thread(target=lambda: (tracker.current(), answered.set()))
    caller.start()
    try:
        assert answered.wait(0.4)
        caller.join(5)
        assert tracker.current().jobs == {}
    finally:
        tracker.close()


def test_figures_tell_the_age_of_the_snapshot(backend, tracker, clock):
    assert tracker.figures().age is None
    tracker.track(backend.submit(spec_of()))
    tracker.current()
    clock.advance(1)
    figures = tracker.figures()
    assert (figures.age, figures.tracked, figures.refreshes) == (1.0, 1, 1)
