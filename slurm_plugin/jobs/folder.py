"""The data folder as a whole: an id that tells it from others, and a lock for its one plugin.

The id is random and lies in the folder, so it stays with the pods wherever the folder is mounted,
and two hosts whose folders have the same path differ.

One plugin serves a folder at a time, since records are cached and pods are locked in memory. The
lock is flock(2): it ends with its process, however that dies, so a second host on a shared file
system takes over as soon as the first is gone. NFS, GPFS and Lustre (mount option `flock`) carry
it between hosts; where a file system has no locks, the plugin warns and the operator must see to
it that only one runs.
"""

import errno
import fcntl
import logging
import os
import re
import secrets
import socket
from pathlib import Path

from slurm_plugin.errors import ConfigError, StorageFailed
from slurm_plugin.jobs.files import Files

_log = logging.getLogger(__name__)

_ID_FILE = ".folder-id"
_LOCK_FILE = ".lock"
_ID = re.compile(r"[0-9a-f]{12}")
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


def folder_id(root: Path, files: Files) -> str:
    """The folder's id, made when there is none: 12 hexadecimal digits.

    Raises:
        StorageFailed: it can't be read or written.
    """
    known = _read_id(root, files)
    if known is None:
        files.write(root / _ID_FILE, f"{secrets.token_hex(6)}\n".encode())
        known = _read_id(root, files)
    if known is None:
        raise StorageFailed(f"{root / _ID_FILE}: can't be read back")
    return known


def _read_id(root: Path, files: Files) -> str | None:
    text = (files.read(root / _ID_FILE) or b"").decode(errors="replace").strip()
    return text if _ID.fullmatch(text) else None


class FolderLock:
    """Held from `take` to `release`, or to the end of the process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock; no error where the file system has none.

        Raises:
            ConfigError: another plugin has it.
            StorageFailed: the lock file can't be made.
        """
        path = self._root / _LOCK_FILE
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise StorageFailed(f"{path}: {error.strerror}") from error
        try:
            self._lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next plugin have it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip()
            raise ConfigError([_in_use(self._root, holder)]) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise StorageFailed(f"{self._root / _LOCK_FILE}: {error.strerror}") from error
            _log.warning("%s has no file locks: run only one plugin on it", self._root)
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"host {socket.gethostname()}, process {os.getpid()}\n".encode(), 0)


def _in_use(root: Path, holder: str) -> str:
    who = holder or "unknown process"
    return f"DataRootFolder {root}: in use by another plugin ({who}); stop it or use another folder"
