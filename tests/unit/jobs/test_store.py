"""Pods' directories and the files below them: files, store, record, go_plugin."""

import dataclasses
import os
import stat
import subprocess
from datetime import UTC, datetime

import msgspec
import pytest

from slurm_plugin.errors import StorageFailed
from slurm_plugin.jobs import record as records
from slurm_plugin.jobs.container_status import ContainerState, ContainerStatus, Terminated
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.go_plugin import parse_time
from slurm_plugin.jobs.record import Final
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobFlag, JobState
from tests.fakes.pods import KEY, UID, record_of, spec_of


def _fresh(store):
    """The same folder in the eyes of a plugin that just started."""
    return PodStore(store.directory(KEY).parent, Files())


def _full_record():
    end = Terminated(3, "Error", "why", datetime(2026, 1, 1, tzinfo=UTC), None, 9)
    status = ContainerStatus("main", ContainerState(terminated=end), False, 1, "busybox")
    job = JobInfo(5, JobState.FAILED, frozenset({JobFlag.COMPLETING}), "why", 3, nodes="n1")
    return record_of(
        phase="submitted", job_id=5, last_job=job, final=Final(7.0, [status]), grace_seconds=0
    )


def test_a_record_survives_its_trip_through_json():
    pod = _full_record()
    assert records.decode(records.encode(pod)) == pod


def test_a_record_gives_the_job_back():
    spec = spec_of(partition="gpu")
    pod = record_of(spec=records.stored(spec))
    assert records.restored(records.decode(records.encode(pod)), spec.script) == spec


def test_a_record_without_a_job_cannot_be_submitted():
    with pytest.raises(StorageFailed):
        records.restored(record_of(spec=None), "")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_record_is_a_storage_failure(data):
    with pytest.raises(StorageFailed, match="damaged"):
        records.decode(data)


def test_a_record_of_a_later_version_is_not_guessed_at():
    data = records.encode(msgspec.structs.replace(record_of(), version=2))
    with pytest.raises(StorageFailed, match="version 2"):
        records.decode(data)


def test_a_saved_record_is_found_again_after_a_restart(store):
    store.directory(KEY).mkdir()
    pod = _full_record()
    store.save(pod)
    assert _fresh(store).load(KEY) == pod
    assert list(_fresh(store).keys()) == [KEY]


def test_a_record_is_owner_only_and_leaves_no_temporary_file(store):
    directory = store.directory(KEY)
    directory.mkdir()
    store.save(record_of())
    assert [path.name for path in directory.iterdir()] == ["record.json"]
    assert stat.S_IMODE((directory / "record.json").stat().st_mode) == 0o600


def test_an_unknown_pod_has_no_record(store):
    assert store.load(KEY) is None


def test_a_record_of_another_pod_is_not_believed(store):
    store.directory(KEY).mkdir()
    (store.directory(KEY) / "record.json").write_bytes(records.encode(record_of("0" * 32)))
    with pytest.raises(StorageFailed, match="belongs to"):
        store.load(KEY)


def test_a_record_that_the_pods_user_wrote_is_not_believed(store, monkeypatch):
    store.directory(KEY).mkdir()
    path = store.directory(KEY) / "record.json"
    path.write_bytes(records.encode(record_of()))
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(StorageFailed, match="not written by the plugin's user"):
        store.load(KEY)


def test_a_record_that_is_a_link_is_not_followed(store, tmp_path):
    store.directory(KEY).mkdir()
    target = tmp_path / "elsewhere"
    target.write_bytes(records.encode(record_of()))
    (store.directory(KEY) / "record.json").symlink_to(target)
    with pytest.raises(StorageFailed):
        store.load(KEY)


def test_a_pipe_in_place_of_a_file_does_not_hang_the_reader(store):
    store.directory(KEY).mkdir()
    os.mkfifo(store.directory(KEY) / "pod.state")
    with pytest.raises(StorageFailed, match="not a regular file"):
        store.read(KEY, "pod.state")


def test_a_forgotten_pod_is_gone_for_good(store):
    store.directory(KEY).mkdir()
    store.save(record_of())
    store.forget(KEY)
    assert store.load(KEY) is None
    assert not store.directory(KEY).exists()
    store.forget(KEY)


def test_a_deleted_pod_is_remembered_for_a_while(store):
    store.bury(KEY)
    assert _fresh(store).buried(KEY)
    marker = store.directory(KEY).parent / ".deleted" / KEY.directory_name
    os.utime(marker, (1000, 1000))
    store.tend_tombstones(999)
    assert store.buried(KEY)
    store.tend_tombstones(1001)
    assert not store.buried(KEY)


def test_the_folder_is_made_with_its_parents_and_made_only_once(tmp_path):
    deep = PodStore(tmp_path / "a" / "b", Files())
    deep.prepare()
    deep.prepare()
    assert list(deep.keys()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match="DataRootFolder"):
        PodStore(tmp_path / "file" / "x", Files()).prepare()


def test_a_failed_write_leaves_the_old_content(tmp_path, monkeypatch):
    path = tmp_path / "f"
    Files().write(path, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left"):
        Files().write(path, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert path.read_bytes() == b"old"


def test_the_mode_of_a_directory_does_not_depend_on_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        Files().make_directory(tmp_path / "d", mode=0o755)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o755


def test_a_new_file_does_not_overwrite_another(tmp_path):
    Files().write_new(tmp_path / "f", b"1", 0o640)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o640
    with pytest.raises(StorageFailed):
        Files().write_new(tmp_path / "f", b"2", 0o600)


def test_a_large_file_is_read_up_to_the_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 100)
    assert Files().read(tmp_path / "f", limit=10) == b"x" * 10
    assert Files().read(tmp_path / "none") is None
    assert Files().owner(tmp_path / "none") is None
    assert Files().names(tmp_path / "none") == []


def _go_directory(store, *, uid=UID, job="77\n", started="2026-07-20 09:16:00.5 +0200 CEST m=+1"):
    directory = store.directory(KEY)
    directory.mkdir()
    (directory / "JobID.jid").write_text(job)
    (directory / "PodUID.uid").write_text(uid)
    (directory / "PodNamespace.ns").write_text("default")
    (directory / "StartedAt.time").write_text(started)
    return directory


def test_a_directory_of_the_go_plugin_is_taken_over(store):
    _go_directory(store)
    pod = store.load(KEY)
    assert pod is not None
    assert (pod.phase, pod.job_id, pod.go_plugin, pod.spec) == ("submitted", 77, True, None)
    assert pod.created == datetime(2026, 7, 20, 7, 16, 0, 500000, UTC).timestamp()


@pytest.mark.parametrize("job", ["", "x", "-1", "1;2", "9" * 5000])
def test_a_job_id_of_the_go_plugin_that_is_none_is_not_believed(store, job):
    _go_directory(store, job=job)
    assert store.load(KEY) is None


def test_a_directory_of_another_pod_is_not_taken_over(store):
    _go_directory(store, uid="0" * 32)
    assert store.load(KEY) is None


@pytest.mark.parametrize("text", [b"", b"x", b"2026-13-45 09:16:00 +0000 UTC", b"\xff"])
def test_a_time_that_is_none_is_left_out(text):
    assert parse_time(text) is None


def test_a_job_of_the_go_plugin_with_a_damaged_time_is_still_taken_over(store):
    _go_directory(store, started="2026-13-45 09:16:00 +0000 UTC")
    pod = store.load(KEY)
    assert pod is not None
    assert pod.job_id == 77


def test_job_info_has_only_what_json_can_hold():
    assert {f.name for f in dataclasses.fields(JobInfo)} == set(
        msgspec.json.decode(msgspec.json.encode(JobInfo(1, JobState.RUNNING)))
    )


def test_a_script_above_a_mebibyte_is_read_whole_and_one_above_the_limit_not_at_all(store):
    directory = store.directory(KEY)
    directory.mkdir()
    (directory / "job.slurm").write_bytes(b"x" * (3 << 20))
    assert len(store.read(KEY, "job.slurm", limit=4 << 20)) == 3 << 20
    with pytest.raises(StorageFailed, match="more than"):
        store.read(KEY, "job.slurm")


def test_directories_that_nobody_may_write_are_removed_with_the_pod(store):
    inner = store.directory(KEY) / "volumes" / "cache"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    inner.chmod(0o555)
    store.forget(KEY)
    assert not store.directory(KEY).exists()
    assert list((store.directory(KEY).parent / ".trash").iterdir()) == []


def test_very_deep_trees_are_removed_with_the_pod(store):
    directory = store.directory(KEY)
    directory.mkdir()
    subprocess.run(
        ["bash", "-c", "for i in {1..1500}; do mkdir d && cd d || exit 1; done"],
        cwd=directory,
        check=True,
    )
    store.forget(KEY)
    assert not directory.exists()
    assert list((directory.parent / ".trash").iterdir()) == []


def test_a_record_saved_while_an_older_one_is_read_stands(store, monkeypatch):
    directory = store.directory(KEY)
    directory.mkdir()
    old, new = record_of(), record_of(phase="submitted", job_id=5)
    store.save(old)
    another = PodStore(directory.parent, Files())
    real = another._read

    def slow(key):
        found = real(key)
        if found is not None and found.job_id is None:
            another.save(new)
            another._cache.clear()
        return found

    monkeypatch.setattr(another, "_read", slow)
    assert another.load(KEY) == new
    assert another.load(KEY) == new
