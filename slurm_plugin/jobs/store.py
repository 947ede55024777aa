"""Pods' directories: made, found again from the request alone, removed.

Records are cached, least recently used out; the directory is the truth.
"""

import logging
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from slurm_plugin.errors import StorageFailed
from slurm_plugin.jobs import go_plugin, record
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.folder import FolderLock, folder_id
from slurm_plugin.jobs.identity import PodKey, key_of_directory
from slurm_plugin.jobs.record import PodRecord
from slurm_plugin.pods import layout
from slurm_plugin.pods.plan import PodPlan
from slurm_plugin.slurm.base import JobSpec

_log = logging.getLogger(__name__)

# Jobs of other users must reach their own directory below it, and see nothing else.
_ROOT_MODE = 0o711
_TOMBSTONES = ".deleted"
_TRASH = ".trash"
_CACHED_RECORDS = 20_000
_READS_AT_MOST = 5


class PodStore:
    """The data folder.

    Args:
        root: DataRootFolder; made when missing.
        files: file operations.
    """

    def __init__(self, root: Path, files: Files) -> None:
        self._root = root.absolute()
        self._files = files
        self._cache: OrderedDict[str, PodRecord] = OrderedDict()
        self._guard = threading.Lock()
        self._lock = FolderLock(self._root)
        self._unwritten: set[PodKey] = set()
        self._changes = 0
        self._folder_id = ""

    @property
    def folder_id(self) -> str:
        """What tells this data folder from others; empty before `prepare`."""
        return self._folder_id

    def prepare(self) -> None:
        """Make the data folder.

        Raises:
            StorageFailed: it can't be made or written.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=_ROOT_MODE)
        except OSError as error:
            raise StorageFailed(f"DataRootFolder {self._root}: {error.strerror}") from error
        for name in (_TOMBSTONES, _TRASH):
            if not self._files.exists(self._root / name):
                self._files.make_directory(self._root / name, exist_ok=True)
        self._folder_id = folder_id(self._root, self._files)

    def claim(self) -> None:
        """Be the only plugin on this folder, until `release`.

        Raises:
            ConfigError: another one is.
            StorageFailed: the lock can't be made.
        """
        self._lock.take()
        # Two that started at once may both have made an id before: the file decides.
        self._folder_id = folder_id(self._root, self._files)

    def release(self) -> None:
        """Let another plugin have the folder."""
        self._lock.release()

    def directory(self, key: PodKey) -> Path:
        """The pod's directory, whether it exists or not."""
        return self._root / key.directory_name

    def load(self, key: PodKey) -> PodRecord | None:
        """The pod's record; None when the pod is not known here.

        Raises:
            StorageFailed: there is a record and it can't be read.
        """
        loaded: PodRecord | None = None
        for _ in range(_READS_AT_MOST):
            with self._guard:
                cached = self._cache.get(key.uid)
                if cached is not None and cached.namespace == key.namespace:
                    self._cache.move_to_end(key.uid)
                    return cached
                change = self._changes
            loaded = self._read(key)
            # What was read is old when somebody saved meanwhile: it must not come back.
            if loaded is None or self._remember_unless_changed(loaded, change):
                break
        return loaded

    def save(self, pod: PodRecord) -> None:
        """Write the record, synced and whole.

        Raises:
            StorageFailed: the old record stands then.
        """
        path = self._root / layout.directory_name(pod.namespace, pod.uid) / layout.RECORD
        self._files.write(path, record.encode(pod))
        self.remember(pod)

    def save_or_remember(self, pod: PodRecord) -> None:
        """Write the record, or answer from memory while the disk can't take it.

        For what must go on although the disk is full; a restart takes it up from the old record.
        """
        try:
            self.save(pod)
        except StorageFailed as error:
            _log.error("record not stored, kept in memory: %s", error, extra={"pod_uid": pod.uid})
            self.remember(pod)

    def fill(self, key: PodKey, plan: PodPlan, spec: JobSpec) -> None:
        """Make the pod's directory with everything but its record.

        Raises:
            StorageFailed: the caller removes what was made.
        """
        directory = self.directory(key)
        # Without a record it is the rest of a create that was interrupted.
        self._files.remove_tree(directory)
        self._files.make_directory(directory)
        for name in plan.directories:
            self._files.make_directory(directory / name)
        for file in plan.files:
            self._files.write_new(directory / file.path, file.content, file.mode)
        self._files.write(directory / layout.SCRIPT, spec.script.encode())
        if spec.uid is not None and spec.gid is not None:
            self._files.give(directory, spec.uid, spec.gid)

    def adopt(self, key: PodKey, pod: PodRecord) -> None:
        """Make a record for a job that has none, in whatever is left of its pod's directory.

        Raises:
            StorageFailed: it can't be written.
        """
        if not self._files.exists(self.directory(key)):
            self._files.make_directory(self.directory(key), exist_ok=True)
        self.save(pod)
        self.settle(key)

    def settle(self, key: PodKey) -> None:
        """Make a new directory and the names in it durable: power may fail after the answer.

        Raises:
            StorageFailed: that can't be done.
        """
        self._files.sync_directory(self.directory(key))
        self._files.sync_directory(self._root)

    def remember(self, pod: PodRecord) -> None:
        """Answer from this record from now on, whatever the file says."""
        with self._guard:
            self._changes += 1
            self._put(pod)

    def _remember_unless_changed(self, pod: PodRecord, change: int) -> bool:
        with self._guard:
            if change != self._changes:
                return False
            self._put(pod)
            return True

    def _put(self, pod: PodRecord) -> None:
        self._cache[pod.uid] = pod
        self._cache.move_to_end(pod.uid)
        while len(self._cache) > _CACHED_RECORDS:
            self._cache.popitem(last=False)

    def forget(self, key: PodKey) -> None:
        """Remove the pod's directory; what resists is kept out of sight and tried again later.

        Raises:
            StorageFailed: it can't be moved out of the way.
        """
        with self._guard:
            self._changes += 1
            self._cache.pop(key.uid, None)
        trash = self._root / _TRASH / f"{key.directory_name}.{secrets.token_hex(4)}"
        # In one step, so that a removal that stops half-way leaves no pod without a record.
        if self._files.move(self.directory(key), trash):
            self._empty(trash)

    def empty_trash(self) -> None:
        """Remove what an earlier removal left."""
        for name in self._files.names(self._root / _TRASH):
            self._empty(self._root / _TRASH / name)

    def _empty(self, trash: Path) -> None:
        try:
            self._files.remove_tree(trash)
        except StorageFailed as error:
            _log.error("a deleted pod's directory is not removed yet: %s", error)

    def bury(self, key: PodKey) -> None:
        """Note that the pod was deleted, so that a late create submits nothing.

        What the disk can't take now (it may be full) is kept in memory and tried again: nobody
        repeats a delete.
        """
        try:
            self._files.write(self._root / _TOMBSTONES / key.directory_name, b"")
        except StorageFailed as error:
            _log.error("delete not noted on disk yet: %s", error, extra={"pod_uid": key.uid})
            self._unwritten.add(key)
        else:
            self._unwritten.discard(key)

    def buried(self, key: PodKey) -> bool:
        """Whether the pod was deleted before."""
        noted = self._root / _TOMBSTONES / key.directory_name
        return key in self._unwritten or self._files.exists(noted)

    def tend_tombstones(self, older_than: float) -> None:
        """Write what could not be written; drop notes from before this time (epoch seconds)."""
        self.empty_trash()
        for key in list(self._unwritten):
            self.bury(key)
        for name in self._files.names(self._root / _TOMBSTONES):
            path = self._root / _TOMBSTONES / name
            try:
                if path.stat().st_mtime < older_than:
                    self._files.remove(path)
            except FileNotFoundError:
                continue

    def written_by_go_plugin(self, key: PodKey) -> bool:
        """Whether the pod's directory has the Go plugin's files."""
        return self._files.exists(self.directory(key) / layout.GO_JOB_ID)

    def keys(self) -> Iterator[PodKey]:
        """All pods that have a directory."""
        for name in self._files.names(self._root):
            key = key_of_directory(name)
            if key is not None:
                yield key

    def read(self, key: PodKey, name: str, *, limit: int = 1 << 20) -> bytes | None:
        """A file of the pod's directory; None when there is none.

        Raises:
            StorageFailed: it can't be read, or has more bytes than `limit`.
        """
        path = self.directory(key) / name
        data = self._files.read(path, limit=limit + 1)
        if data is not None and len(data) > limit:
            raise StorageFailed(f"{path}: more than {limit} bytes")
        return data

    def _read(self, key: PodKey) -> PodRecord | None:
        path = self.directory(key) / layout.RECORD
        data = self._files.read(path, limit=1 << 26)
        if data is None:
            return go_plugin.adopt(key, self._files, self.directory(key))
        # The pod's user may own the directory: only a record that the plugin wrote counts.
        if self._files.owner(path) != os.geteuid():
            raise StorageFailed(f"{path}: not written by the plugin's user")
        loaded = record.decode(data)
        if (loaded.namespace, loaded.uid) != (key.namespace, key.uid):
            raise StorageFailed(f"{path}: belongs to pod {loaded.uid}")
        return loaded
