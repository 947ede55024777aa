"""Log files, opened without trusting the directory that they lie in.

The pod's directory belongs to the pod's user, the plugin may be root: links, pipes and devices are
never followed, and a second name of somebody else's file (hard link) does not count.
"""

import errno
import logging
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from slurm_plugin.errors import StorageFailed

_log = logging.getLogger(__name__)

# ESTALE: NFS, the file was removed by another host.
_MISSING = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}
_NOT_A_FILE = {errno.ELOOP, errno.ENXIO, errno.ENODEV}


class LogFile:
    """An open regular file.

    Args:
        descriptor: closed with this object.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._open = True

    def size(self) -> int:
        """Bytes that the file has now."""
        return os.fstat(self._descriptor).st_size

    def modified(self) -> int:
        """Time of the last write in epoch nanoseconds."""
        return os.fstat(self._descriptor).st_mtime_ns

    def same_as(self, other: "LogFile") -> bool:
        """Whether both are one file, whatever its names are."""
        return self.identity() == other.identity()

    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        found = os.fstat(self._descriptor)
        return found.st_dev, found.st_ino

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; empty at the end of the file.

        Raises:
            StorageFailed: the file system failed.
        """
        try:
            return os.pread(self._descriptor, length, offset)
        except OSError as error:
            if error.errno == errno.ESTALE:
                return b""
            raise StorageFailed(f"log can't be read: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        if self._open:
            self._open = False
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_log(directory: Path, name: str) -> LogFile | None:
    """Open a file of a pod's directory; None when there is no regular file of that name.

    It is opened anew for every look, because that is what makes NFS fetch the true size.

    Raises:
        StorageFailed: there is one and it can't be opened.
    """
    try:
        descriptor = _open(directory, name)
    except OSError as error:
        if error.errno in _MISSING:
            return None
        if error.errno in _NOT_A_FILE:
            _log.warning("%s/%s is not a regular file: not read", directory, name)
            return None
        raise StorageFailed(f"{directory / name}: {error.strerror}") from error
    return None if descriptor is None else LogFile(descriptor)


def _open(directory: Path, name: str) -> int | None:
    parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # O_NONBLOCK: a pipe without a writer would hold the thread for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
        # A device can act when it is opened: looked at before as well as after.
        if not _is_own_file(os.stat(name, dir_fd=parent, follow_symlinks=False), parent):
            raise OSError(errno.ELOOP, "not a regular file of its own")
        descriptor = os.open(name, flags, dir_fd=parent)
        try:
            genuine = _is_own_file(os.fstat(descriptor), parent)
        except OSError:
            os.close(descriptor)
            raise
        if genuine:
            return descriptor
        os.close(descriptor)
        return None
    finally:
        os.close(parent)


def _is_own_file(found: os.stat_result, parent: int) -> bool:
    if not stat.S_ISREG(found.st_mode):
        return False
    return found.st_nlink <= 1 or found.st_uid == os.fstat(parent).st_uid
