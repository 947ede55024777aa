"""One lock per pod, made when needed and forgotten when free."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class PodLocks:
    """Serialises what happens to one pod; different pods don't wait for each other."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, uid: str) -> Iterator[None]:
        """Hold the lock of the pod with this UID."""
        lock = self._enter(uid)
        try:
            with lock:
                yield
        finally:
            self._leave(uid)

    def busy(self, uid: str) -> bool:
        """Whether somebody holds or awaits the pod's lock."""
        with self._guard:
            return uid in self._held

    def _enter(self, uid: str) -> threading.Lock:
        with self._guard:
            lock, users = self._held.get(uid, (threading.Lock(), 0))
            self._held[uid] = (lock, users + 1)
            return lock

    def _leave(self, uid: str) -> None:
        with self._guard:
            lock, users = self._held[uid]
            if users == 1:
                del self._held[uid]
            else:
                self._held[uid] = (lock, users - 1)
