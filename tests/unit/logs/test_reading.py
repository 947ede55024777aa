"""Which file is shown, and what a request may be."""

import os
import tracemalloc

import pytest

from slurm_plugin.errors import InvalidRequest, StorageFailed
from slurm_plugin.jobs.record import Final
from tests.fakes.pods import UID, uid_of

BINARY = bytes(range(256)) + b"\r\n\xff\xfe no newline at the end"


@pytest.mark.parametrize(
    ("container", "file"),
    [("main", "run-main.out"), ("side", "init-side.out"), ("first", "init-first.out")],
)
def test_each_kind_of_container_has_its_own_file(logs, container, file):
    logs.write(file, BINARY)
    assert logs.read(container=container) == BINARY


def test_without_a_name_the_first_app_container_is_meant(logs):
    logs.write("run-main.out", b"words\n")
    assert logs.read(container="") == b"words\n"


def test_an_adopted_pod_whose_containers_are_not_known_has_logs(logs):
    logs.record(containers=[])
    logs.write("run-main.out", b"here\n")
    assert logs.read(container="main") == b"here\n"


def test_previous_shows_the_run_before(logs):
    logs.write("run-main.out", b"now\n")
    logs.write("run-main.previous.out", b"then\n")
    assert logs.read(Previous=True) == b"then\n"
    assert logs.read(Previous=True, Follow=True) == b"then\n"


@pytest.mark.parametrize("request_", [{"uid": uid_of(5)}, {"container": "other"}, {}])
def test_what_is_not_known_yet_is_empty(logs, request_):
    assert logs.read(**request_) == b""


@pytest.mark.parametrize(
    "request_",
    [
        {"namespace": "../etc"},
        {"uid": "../../etc/passwd"},
        {"uid": UID.upper()},
        {"container": "../job"},
        {"container": "Main"},
        {"container": "a" * 64},
        {"Tail": -1},
        {"Bytes": -1},
        {"SinceSeconds": -5},
        {"SinceTime": "yesterday"},
        {"SinceTime": "2026-13-01T00:00:00Z"},
    ],
)
def test_what_is_no_name_number_or_time_is_refused(logs, request_):
    with pytest.raises(InvalidRequest):
        logs.read(**request_)


def test_gos_zero_values_ask_for_everything(logs):
    logs.write("run-main.out", b"a\nb\n")
    assert logs.read(Tail=0, Bytes=0, SinceSeconds=0, SinceTime="0001-01-01T00:00:00Z") == b"a\nb\n"


def test_since_counts_back_from_now_and_the_later_moment_wins(logs):
    now = int(logs.clock.now())
    logs.write("run-main.out", b"old\nmid\nnew\n")
    logs.write("run-main.index", f"4 {now - 100}\n8 {now - 50}\n12 {now - 5}\n".encode())
    assert logs.read(SinceSeconds=60) == b"mid\nnew\n"
    assert logs.read(SinceSeconds=60, SinceTime="2020-01-01T00:00:00+02:00") == b"mid\nnew\n"
    assert logs.read(SinceSeconds=20) == b"new\n"


@pytest.mark.parametrize("make", ["symlink", "fifo", "directory", "device"])
def test_what_is_no_regular_file_is_not_read(logs, make, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret\n")
    path = logs.directory / "run-main.out"
    if make == "symlink":
        path.symlink_to(secret)
    elif make == "fifo":
        os.mkfifo(path)
    elif make == "directory":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    assert logs.read() == b""


@pytest.mark.parametrize("number", ["index", "out"])
def test_a_second_name_of_somebody_elses_file_is_not_read(logs, tmp_path, number, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret\n")
    os.link(secret, logs.directory / f"run-main.{number}")
    owner = logs.directory.stat().st_uid
    real = os.fstat

    def other_owner(descriptor):
        found = real(descriptor)
        if os.path.samestat(found, logs.directory.stat()):
            return os.stat_result([*found[:4], owner + 1, *found[5:]])
        return found

    monkeypatch.setattr("slurm_plugin.logs.files.os.fstat", other_owner)
    assert logs.read(SinceSeconds=1) == b""


def test_a_linked_pod_directory_is_not_followed(logs, tmp_path):
    logs.directory.rename(tmp_path / "elsewhere")
    logs.directory.symlink_to(tmp_path / "elsewhere")
    logs.write("run-main.out", b"secret\n")
    assert logs.read() == b""


def test_a_file_system_that_fails_is_told(logs, monkeypatch):
    logs.write("run-main.out", b"words\n")

    def broken(*args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("slurm_plugin.logs.files.os.pread", broken)
    with pytest.raises(StorageFailed, match="Input/output error"):
        logs.read()


class TestJobOutput:
    """SLURM's own words."""

    @pytest.fixture(autouse=True)
    def _output(self, logs):
        logs.write("job.out", b"slurmstepd: error\n")

    def test_is_shown_where_the_container_never_started(self, logs):
        logs.end(started=None, reason="ErrImagePull", exit=1)
        assert logs.read() == b"slurmstepd: error\n"
        assert logs.read(Tail=1, Follow=True) == b"slurmstepd: error\n"

    def test_is_shown_where_the_job_ended_before_the_container_began(self, logs):
        logs.record(final=Final(decided=1.0, containers=[]))
        assert logs.read() == b"slurmstepd: error\n"

    def test_is_not_shown_while_the_container_may_still_start(self, logs):
        assert logs.read() == b""

    def test_is_not_shown_beside_a_containers_own_log(self, logs):
        logs.write("run-main.out", b"words\n")
        logs.end()
        assert logs.read() == b"words\n"

    def test_is_not_shown_for_a_silent_container(self, logs):
        logs.write("run-main.out", b"")
        logs.end()
        assert logs.read() == b""

    @pytest.mark.parametrize(
        ("order", "text"),
        [
            ("before", b"slurmstepd: error\nwords\n"),
            ("after", b"words\nslurmstepd: error\n"),
        ],
    )
    @pytest.mark.parametrize("follow", [False, True])
    def test_stands_where_the_settings_want_it(self, logs, order, text, follow):
        logs.write("run-main.out", b"words\n")
        logs.end()
        reader = logs.reader(job_output=order)
        assert b"".join(logs.stream(reader=reader, Follow=follow)) == text
        assert b"".join(logs.stream(reader=reader, Follow=follow, Tail=1)) == b"words\n"


class TestGoPlugin:
    """Directories that the Go plugin left."""

    @pytest.fixture(autouse=True)
    def _directory(self, logs):
        (logs.directory / "record.json").unlink()
        logs.write("JobID.jid", b"7")
        logs.write("PodUID.uid", UID.encode())
        logs.write("job.out", b"slurm\n")
        logs.store = type(logs.store)(logs.root, logs.store._files)

    def test_apps_and_init_containers_are_found(self, logs):
        logs.write("run-main.out", b"app\n")
        logs.write("init-first.out", b"init\n")
        assert (logs.read(), logs.read(container="first")) == (b"app\n", b"init\n")

    def test_times_are_those_of_the_file(self, logs):
        logs.write("run-main.out", b"app\n")
        os.utime(logs.directory / "run-main.out", ns=(1, 1_500_000_000_000_000_007))
        assert logs.read(Timestamps=True) == b"2017-07-14T02:40:00.000000007Z app\n"

    def test_follow_ends_with_the_exit_code(self, logs):
        logs.write("run-main.out", b"app\n")
        logs.write("run-main.status", b"0\n")
        assert logs.read(Follow=True) == b"app\n"

    def test_a_silent_container_stays_silent(self, logs):
        logs.write("run-main.out", b"")
        logs.write("run-main.status", b"0\n")
        assert logs.read() == b""


def test_memory_stays_flat_over_200_megabytes(logs):
    path = logs.directory / "run-main.out"
    with path.open("wb") as stream:
        stream.truncate(200 << 20)
        stream.seek(0, os.SEEK_END)
        stream.write(b"\nlast line")
    tracemalloc.start()
    try:
        assert sum(len(piece) for piece in logs.stream()) == (200 << 20) + 10
        assert logs.read(Tail=1) == b"last line"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
