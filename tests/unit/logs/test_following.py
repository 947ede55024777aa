"""Following: the right bytes once each, in time, until the end."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from slurm_plugin.errors import ServiceBusy
from slurm_plugin.jobs.record import Final
from slurm_plugin.logs.follow import _LONGEST_WAIT
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobState
from tests.fakes.pods import KEY


def _until_quiet(stream):
    """What comes until a look finds nothing."""
    parts = []
    while True:
        piece = next(stream)
        if not piece:
            return b"".join(parts)
        parts.append(piece)


def test_growth_comes_without_gap_or_double_line(logs):
    logs.write("run-main.out", b"a\nb\nc\n")
    stream = logs.stream(Follow=True, Tail=2)
    assert _until_quiet(stream) == b"b\nc\n"
    logs.write("run-main.out", b"d", append=True)
    assert _until_quiet(stream) == b"d"
    logs.write("run-main.out", b"D\n", append=True)
    logs.end()
    assert b"".join(stream) == b"D\n"


def test_a_log_that_appears_later_is_followed(logs):
    stream = logs.stream(Follow=True)
    assert _until_quiet(stream) == b""
    logs.write("run-main.out", b"first\n")
    assert _until_quiet(stream) == b"first\n"


def test_looks_are_less_than_a_second_apart_however_long_nothing_comes(logs):
    stream = logs.stream(Follow=True)
    moments = []
    for _ in range(60):
        next(stream)
        moments.append(logs.clock.monotonic())
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert max(gaps) == pytest.approx(_LONGEST_WAIT)
    assert max(gaps) < 1.0


def test_looks_become_rarer_while_a_log_does_not_grow(logs):
    logs.write("run-main.out", b"words\n")
    stream = logs.stream(Follow=True)
    begun = logs.clock.monotonic()
    for _ in range(60):
        next(stream)
    assert logs.clock.monotonic() - begun > 20


def test_the_stream_ends_half_a_second_after_its_container(logs):
    logs.write("run-main.out", b"words\n")
    stream = logs.stream(Follow=True)
    _until_quiet(stream)
    logs.end()
    begun = logs.clock.monotonic()
    assert b"".join(stream) == b""
    assert logs.clock.monotonic() - begun < _LONGEST_WAIT


def test_truncation_begins_again_at_the_top(logs):
    logs.write("run-main.out", b"a long first part\n")
    stream = logs.stream(Follow=True)
    _until_quiet(stream)
    os.truncate(logs.directory / "run-main.out", 0)
    logs.write("run-main.out", b"new\n", append=True)
    assert _until_quiet(stream) == b"new\n"


def test_a_requeue_ends_the_old_log_and_begins_the_new_one(logs):
    logs.write("run-main.out", b"one\n")
    stream = logs.stream(Follow=True, Tail=1)
    _until_quiet(stream)
    logs.write("run-main.out", b"two\n", append=True)
    (logs.directory / "run-main.out").rename(logs.directory / "run-main.previous.out")
    logs.write("run-main.out", b"three\nfour\n")
    assert _until_quiet(stream) == b"two\nthree\nfour\n"


def _stopped(logs, **fields):
    """SLURM has sent TERM, and the container has ended by it."""
    now = int(logs.clock.now())
    logs.write("pod.state", f"job=7\nrequeue=0\nstarted=5\nstopped={now}\n".encode())
    logs.end(exit=143, finished=now, **fields)


def test_what_slurm_stopped_is_followed_through_its_requeue(logs):
    logs.write("run-main.out", b"one\n")
    stream = logs.stream(Follow=True)
    _until_quiet(stream)
    _stopped(logs)
    for _ in range(20):
        assert next(stream) == b""
    logs.record(last_job=JobInfo(7, JobState.PENDING, restarts=1))
    (logs.directory / "run-main.out").rename(logs.directory / "run-main.previous.out")
    logs.write("run-main.out", b"two\n")
    assert _until_quiet(stream) == b"two\n"
    logs.record(final=Final(decided=1.0, containers=[]))
    assert b"".join(stream) == b""


def test_what_slurm_stopped_is_over_when_nobody_asks_slurm(logs):
    stream = logs.stream(Follow=True)
    _until_quiet(stream)
    _stopped(logs)
    begun = logs.clock.monotonic()
    assert b"".join(stream) == b""
    assert 29 <= logs.clock.monotonic() - begun <= 33


def test_a_delete_ends_the_stream_with_the_container(logs):
    stream = logs.stream(Follow=True)
    _until_quiet(stream)
    logs.record(delete_requested=1.0)
    _stopped(logs)
    begun = logs.clock.monotonic()
    assert b"".join(stream) == b""
    assert logs.clock.monotonic() - begun < 1


def test_all_streams_end_with_the_service(logs):
    reader = logs.reader()
    stream = logs.stream(Follow=True, reader=reader)
    _until_quiet(stream)
    reader.end_followers()
    begun = logs.clock.monotonic()
    assert b"".join(stream) == b""
    assert logs.clock.monotonic() - begun < 1
    assert reader.followers.free() == 3


def test_words_between_the_end_and_the_last_look_are_sent(logs):
    stream = logs.stream(Follow=True)
    _until_quiet(stream)
    logs.end()
    next(stream)
    logs.write("run-main.out", b"last words")
    assert b"".join(stream) == b"last words"


@pytest.mark.parametrize("how", ["final", "pod state", "refused", "deleted"])
def test_the_end_of_the_pod_ends_the_stream(logs, how):
    logs.write("run-main.out", b"words\n")
    stream = logs.stream(Follow=True)
    assert _until_quiet(stream) == b"words\n"
    if how == "final":
        logs.record(final=Final(decided=1.0, containers=[]))
    elif how == "refused":
        logs.record(phase="refused")
    elif how == "pod state":
        logs.write("pod.state", b"job=7\nfinished=9\nexit=0\n")
    else:
        logs.store.forget(KEY)
    assert [piece for piece in stream if piece] == []


def test_a_client_that_leaves_ends_the_stream_within_two_seconds(logs):
    left = []
    stream = logs.stream(Follow=True, gone=lambda: bool(left))
    for _ in range(40):
        next(stream)
    left.append(True)
    before = logs.clock.monotonic()
    assert list(stream) == []
    assert logs.clock.monotonic() - before < 2.0


def test_something_that_outlives_its_container_does_not_hold_the_stream(logs):
    logs.end()
    logs.write("run-main.out", b"")
    for count, _ in enumerate(logs.stream(Follow=True)):
        logs.write("run-main.out", b"more\n", append=True)
        assert count < 1000


def test_timestamps_follow_the_index(logs):
    logs.write("run-main.out", b"one\nhal")
    logs.write("run-main.index", b"4 1000\n7 1010\n")
    stream = logs.stream(Follow=True, Timestamps=True)
    expected = b"1970-01-01T00:16:40.000000000Z one\n1970-01-01T00:16:50.000000000Z hal"
    assert _until_quiet(stream) == expected
    logs.write("run-main.out", b"f\ntwo\n", append=True)
    logs.write("run-main.index", b"13 1020\n", append=True)
    assert _until_quiet(stream) == b"f\n1970-01-01T00:17:00.000000000Z two\n"


def test_bytes_end_a_following_stream(logs):
    logs.write("run-main.out", b"one\n")
    stream = logs.stream(Follow=True, Bytes=6)
    assert _until_quiet(stream) == b"one\n"
    logs.write("run-main.out", b"two\nthree\n", append=True)
    assert b"".join(stream) == b"tw"


def test_the_follower_beyond_the_limit_is_told_to_come_again(logs):
    reader = logs.reader(followers=2)
    streams = [logs.stream(reader=reader, Follow=True) for _ in range(2)]
    with pytest.raises(ServiceBusy, match="limit of 2"):
        logs.stream(reader=reader, Follow=True)
    streams[0].close()
    streams[0].close()
    streams[1].close()
    assert reader.followers.free() == 2


def test_a_stream_that_nobody_reads_gives_its_place_back(logs):
    reader = logs.reader(followers=1)
    logs.stream(reader=reader, Follow=True)
    assert reader.followers.free() == 1


def test_a_long_read_takes_a_place_until_it_is_read(logs):
    reader = logs.reader()
    with (logs.directory / "run-main.out").open("wb") as stream:
        stream.truncate(9 << 20)
    free = reader.long_reads.free()
    answer = logs.stream(reader=reader)
    assert reader.long_reads.free() == free - 1
    assert sum(map(len, answer)) == 9 << 20
    assert reader.long_reads.free() == free


def test_no_file_stays_open_when_a_stream_is_closed(logs):
    logs.write("run-main.out", b"one\n")
    logs.write("run-main.index", b"4 1000\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        stream = logs.stream(Follow=True, Timestamps=True)
        next(stream)
        stream.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
