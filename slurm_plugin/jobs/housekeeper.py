"""The background thread: what has to happen although nobody asks."""

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Housekeeper:
    """Runs chores again and again until closed; a chore that fails is logged and runs again.

    Args:
        chores: what to do; each returns quickly when there is nothing to do.
        name: of the thread.
        interval: seconds between two rounds when nobody wakes it.
    """

    def __init__(
        self,
        chores: list[Callable[[], None]],
        *,
        name: str = "housekeeper",
        interval: float = 1.0,
    ) -> None:
        self._chores = chores
        self._interval = interval
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Begin the next round now."""
        self._wake.set()

    def close(self, *, timeout: float = 5.0) -> None:
        """End after the chore in hand, or after the time-out (seconds)."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            for chore in self._chores:
                if self._closing.is_set():
                    return
                self._do(chore)
            self._wake.wait(self._interval)

    def _do(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except Exception:  # the thread must outlive any chore
            _log.exception("chore failed, it runs again")
