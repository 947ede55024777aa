"""A data folder has one id and one plugin at a time."""

import errno
import fcntl

import pytest

from slurm_plugin.errors import ConfigError, StorageFailed
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.folder import FolderLock, folder_id
from slurm_plugin.jobs.store import PodStore
from tests.fakes.pods import UID, create_of
from tests.fakes.world import World


def test_an_id_is_made_once_and_differs_between_folders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = folder_id(tmp_path / "a", Files())
    assert folder_id(tmp_path / "a", Files()) == first
    assert folder_id(tmp_path / "b", Files()) != first


def test_a_damaged_id_is_made_anew(tmp_path):
    (tmp_path / ".folder-id").write_text("nonsense\n")
    made = folder_id(tmp_path, Files())
    assert (tmp_path / ".folder-id").read_text() == f"{made}\n"


def test_an_id_that_cannot_be_read_back_is_an_error(tmp_path):
    class Blind(Files):
        def read(self, path, *, limit=1 << 20):
            return None

    with pytest.raises(StorageFailed, match="read back"):
        folder_id(tmp_path, Blind())


def test_the_second_plugin_is_told_who_has_the_folder(tmp_path):
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.take()
    with pytest.raises(ConfigError, match=r"in use by another plugin \(host .*, process \d+\)"):
        second.take()
    first.release()
    second.take()
    second.release()
    second.release()


def test_a_file_system_without_locks_is_served_with_a_warning(tmp_path, monkeypatch, caplog):
    def none(descriptor, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    lock = FolderLock(tmp_path)
    lock.take()
    lock.release()
    assert "run only one plugin" in caplog.text


def test_another_trouble_with_the_lock_is_named(tmp_path, monkeypatch):
    def broken(descriptor, how):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(StorageFailed, match=r"\.lock: Input/output error"):
        FolderLock(tmp_path).take()
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").symlink_to("elsewhere")
    with pytest.raises(StorageFailed, match=r"\.lock: "):
        FolderLock(tmp_path).take()


def test_a_plugin_does_not_start_on_a_folder_in_use_and_starts_once_it_is_free(tmp_path):
    world = World(tmp_path / "jobs")
    first = PodStore(world.root, Files())
    first.prepare()
    first.claim()
    plugin = world.boot(recover=False)
    with pytest.raises(ConfigError, match="in use"):
        plugin.pods.start()
    first.release()
    plugin.pods.start()
    assert plugin.pods.create(create_of()).uid == UID
    plugin.pods.close()
    first.claim()
    first.release()
