"""The few file operations that the plugin's durability rests on.

Every OSError becomes StorageFailed, with the path and the system's words.
"""

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from slurm_plugin.errors import StorageFailed

OWNER_ONLY = 0o600


@contextlib.contextmanager
def _converted(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"{path}: {error.strerror or error}") from error


class Files:
    """Reads and writes below the data folder; replaced by tests to make faults at will."""

    def write(self, path: Path, content: bytes, *, mode: int = OWNER_ONLY) -> None:
        """Write a file whole: temporary name, synced, renamed.

        Raises:
            StorageFailed: nothing of it is left then.
        """
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with _converted(path):
            try:
                self._write_synced(temporary, content, mode)
                os.replace(temporary, path)  # noqa: PTH105 - same call, and it is the point here
            except OSError:
                temporary.unlink(missing_ok=True)
                raise

    def _write_synced(self, path: Path, content: bytes, mode: int) -> None:
        # O_EXCL and O_NOFOLLOW: the directory may belong to the pod's user, who must not be able
        # to lead a root plugin elsewhere.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(path, flags, mode)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, mode)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)

    def write_new(self, path: Path, content: bytes, mode: int) -> None:
        """Write a file of a directory that is still being made: neither synced nor renamed."""
        with _converted(path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, mode), "wb") as stream:
                os.fchmod(stream.fileno(), mode)
                stream.write(content)

    def read(self, path: Path, *, limit: int = 1 << 20) -> bytes | None:
        """Content of a regular file, at most `limit` bytes; None when there is none.

        Raises:
            StorageFailed: it can't be read, or it is a link, a pipe or a device.
        """
        with _converted(path):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                return None
            with os.fdopen(descriptor, "rb") as stream:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise StorageFailed(f"{path}: not a regular file")
                return stream.read(limit)

    def owner(self, path: Path) -> int | None:
        """Numeric owner of a file itself (links are not followed); None when there is none."""
        with _converted(path):
            try:
                return path.lstat().st_uid
            except FileNotFoundError:
                return None

    def make_directory(self, path: Path, *, mode: int = 0o700, exist_ok: bool = False) -> None:
        """Make one directory with this mode, whatever the umask.

        Raises:
            StorageFailed: it can't be made.
        """
        with _converted(path):
            path.mkdir(mode=mode, exist_ok=exist_ok)
            path.chmod(mode)

    def exists(self, path: Path) -> bool:
        """Whether something of this name is there (links are not followed)."""
        with _converted(path):
            return os.path.lexists(path)

    def names(self, path: Path) -> list[str]:
        """Names in a directory; empty when there is none."""
        with _converted(path):
            try:
                return os.listdir(path)  # noqa: PTH208 - names are all that is wanted
            except FileNotFoundError:
                return []

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory durable."""
        with _converted(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def give(self, root: Path, uid: int, gid: int) -> None:
        """Hand a directory and all in it to a user; the directory itself last."""
        with _converted(root):
            for parent, directories, files in os.walk(root, topdown=False):
                for name in (*files, *directories):
                    os.chown(Path(parent, name), uid, gid, follow_symlinks=False)
            os.chown(root, uid, gid, follow_symlinks=False)

    def remove(self, path: Path) -> None:
        """Remove a file; no error when there is none."""
        with _converted(path):
            path.unlink(missing_ok=True)

    def move(self, source: Path, target: Path) -> bool:
        """Give a file or directory another name in one step; False when there is none.

        Raises:
            StorageFailed: it can't be moved.
        """
        with _converted(source):
            try:
                source.rename(target)
            except FileNotFoundError:
                return False
            return True

    def remove_tree(self, path: Path) -> None:
        """Remove a directory and all in it; no error when there is none.

        Containers leave directories that not even their owner may write (Go's module cache), and
        trees deeper than Python's recursion: coreutils remove those.

        Raises:
            StorageFailed: something of it is left.
        """
        with _converted(path), contextlib.suppress(FileNotFoundError):
            try:
                shutil.rmtree(path)
            except (PermissionError, RecursionError):
                _remove_by_force(path)


def _remove_by_force(path: Path) -> None:
    # Neither follows links; chmod's complaints are rm's to repeat.
    for argv in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        done = subprocess.run(  # noqa: PLW1510 - the last one's result is judged
            [*argv, "--", str(path)], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
    if done.returncode != 0:
        raise StorageFailed(" ".join(done.stderr.split())[:300] or f"{path}: not removed")
