"""The socket that the plugin listens on, held by one instance at a time."""

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

from slurm_plugin.config.checks import UNIX_SCHEME
from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.errors import ConfigError

_BACKLOG: Final = 1024
_PROBE_SECONDS: Final = 2.0


class Listener:
    """A listening socket.

    Attributes:
        socket: it; clients may connect already and wait.
        address: for people, `127.0.0.1:4000` or `unix:///run/slurm-plugin.sock`.
    """

    def __init__(self, bound: socket.socket, address: str, lock: IO[bytes] | None = None) -> None:
        self.socket = bound
        self.address = address
        self._lock = lock
        self._path = Path(bound.getsockname()) if bound.family == socket.AF_UNIX else None

    def close(self) -> None:
        """Stop listening; remove a unix socket's file. May be called twice."""
        self.socket.close()
        if self._lock is None or self._path is None:
            return
        # The lock is still held, so nobody else can have made the file anew.
        self._path.unlink(missing_ok=True)
        self._lock.close()
        self._lock = None


def open_listener(settings: ServiceSettings) -> Listener:
    """Bind as the settings say and begin to listen.

    Raises:
        ConfigError: another instance lives, the port is taken, or the address can't be used.
    """
    if settings.socket:
        path = Path(settings.socket.removeprefix(UNIX_SCHEME))
        return _open_unix(path, settings.socket_mode)
    return _open_tcp(settings.listen, settings.sidecar_port)


def _open_tcp(host: str, port: int) -> Listener:
    where = f"{host}:{port}"
    bound: socket.socket | None = None
    try:
        found = socket.getaddrinfo(
            host.strip("[]") or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = found[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        if bound:
            bound.close()
        raise ConfigError([_why_not(where, error)]) from error
    name = bound.getsockname()
    shown = f"[{name[0]}]" if family == socket.AF_INET6 else name[0]
    return Listener(bound, f"{shown}:{name[1]}")


def _why_not(where: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where} is taken: another instance runs, or another program listens there; "
            "stop it or set SidecarPort"
        )
    return f"{where} can't be listened on: {error.strerror}; see Listen and SidecarPort"


def _open_unix(path: Path, mode: int) -> Listener:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    lock: IO[bytes] | None = None
    try:
        lock = _lock(path)
        _remove_stale(path)
        # Closed until chmod has given the mode that was asked for.
        with _umask(0o177):
            bound.bind(str(path))
        path.chmod(mode)
        bound.listen(_BACKLOG)
    except OSError as error:
        _close(bound, lock)
        message = f"Socket {path} can't be listened on: {error.strerror}"
        raise ConfigError([message]) from error
    except ConfigError:
        _close(bound, lock)
        raise
    return Listener(bound, f"{UNIX_SCHEME}{path}", lock)


def _lock(path: Path) -> IO[bytes]:
    """Hold `<path>.lock` for as long as this process lives.

    Two instances that start at the same moment would otherwise both find a stale socket, and one
    would remove the other's new one.
    """
    descriptor = os.open(
        path.with_name(path.name + ".lock"),
        os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW,
        0o600,
    )
    lock = os.fdopen(descriptor, "r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ConfigError([_lives(path)]) from None
    return lock


def _remove_stale(path: Path) -> None:
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ConfigError(
            [f"Socket {path} exists and is not a socket: remove it or choose another"]
        )
    if _answers(path):
        raise ConfigError([_lives(path)])
    path.unlink()


def _answers(path: Path) -> bool:
    """Somebody listens; when in doubt (a full queue, no permission) yes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def _lives(path: Path) -> str:
    return f"Socket {path} is taken: another instance answers there; stop it first"


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _close(bound: socket.socket, lock: IO[bytes] | None) -> None:
    with suppress(OSError):
        bound.close()
    if lock:
        lock.close()
