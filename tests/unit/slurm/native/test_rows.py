"""Rows of the native query module as JobInfo."""

import pytest

from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.native.rows import Decoder, job_of
from slurm_plugin.slurm.states import JobFlag, JobState

NO_VAL = 0xFFFFFFFE
INFINITE = 0xFFFFFFFF
CONFIGURING = 1 << 14
COMPLETING = 1 << 15


def row(job_id=7, word=1, status=0, **changes):
    fields = {
        "reason": b"None",
        "submit": 100,
        "start": 200,
        "end": 3800,
        "nodes": b"n[1-2]",
        "restarts": 2,
        "limit": 60,
        "user_id": 1000,
    }
    # name and comment come behind the others, where they are asked for
    return (job_id, word, status, *(fields | changes).values())


def test_a_running_job_with_every_field() -> None:
    assert job_of(row(word=1 | CONFIGURING, reason=b"Prolog")) == JobInfo(
        job_id=7,
        state=JobState.RUNNING,
        flags=frozenset({JobFlag.CONFIGURING}),
        reason="Prolog",
        submit_time=100,
        start_time=200,
        end_time=None,
        nodes="n[1-2]",
        restarts=2,
        time_limit=60,
        user_id=1000,
    )


def test_a_completing_job_keeps_its_base_state_and_has_an_end() -> None:
    job = job_of(row(word=4 | COMPLETING))
    assert (job.state, job.flags) == (JobState.CANCELLED, {JobFlag.COMPLETING})
    assert job.end_time == 3800


@pytest.mark.parametrize(
    ("status", "code", "signal"),
    [(0, 0, 0), (3 << 8, 3, 0), (9, 0, 9), (9 | 0x80, 0, 9), (255 << 8, 255, 0), (NO_VAL, 0, 0)],
)
def test_the_exit_status_is_that_of_wait(status: int, code: int, signal: int) -> None:
    job = job_of(row(word=5, status=status))
    assert (job.exit_code, job.signal) == (code, signal)


@pytest.mark.parametrize("limit", [NO_VAL, INFINITE, 0])
def test_no_limit_is_none(limit: int) -> None:
    assert job_of(row(limit=limit)).time_limit is None


def test_what_is_not_there_is_none_or_empty() -> None:
    job = job_of(row(word=0, reason=b"", start=0, end=0, nodes=b""))
    assert (job.start_time, job.end_time, job.nodes, job.reason) == (None, None, "", "")
    assert (job.name, job.comment) == ("", "")


def test_texts_that_are_no_utf8_are_readable_all_the_same() -> None:
    job = job_of(row(reason=b"\xffx", name=b"a\xfe", comment="ä".encode()))
    assert (job.reason, job.name, job.comment) == ("\ufffdx", "a\ufffd", "ä")


def test_an_unchanged_row_keeps_its_job_and_a_changed_one_does_not() -> None:
    decoder = Decoder()
    before = decoder.jobs([row(number) for number in range(200)])
    after = decoder.jobs([row(number, word=1 if number else 3) for number in range(200)])
    assert all(after[number] is before[number] for number in range(1, 200))
    assert after[0].state is JobState.COMPLETED


def test_a_small_query_does_not_make_the_big_one_forget() -> None:
    decoder = Decoder()
    before = decoder.jobs([row(number) for number in range(200)])
    decoder.jobs([row(5)])
    after = decoder.jobs([row(number) for number in range(200)])
    assert after[150] is before[150]


def test_jobs_that_left_are_forgotten() -> None:
    decoder = Decoder()
    decoder.jobs([row(number) for number in range(200)])
    assert set(decoder.jobs([row(1)])) == {1}
    assert set(decoder.jobs([row(number) for number in range(50, 200)])) == set(range(50, 200))
