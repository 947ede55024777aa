"""Time that passes only when a test, or a sleep, says so."""

import threading
import time


class FakeClock:
    """Both kinds of time in step; `sleep` returns at once and moves them.

    Begins at the real time, since files get theirs from the system.
    """

    def __init__(self) -> None:
        self._epoch = time.time() - 1000.0
        self._passed = 1000.0
        self._guard = threading.Lock()

    def now(self) -> float:
        with self._guard:
            return self._epoch + self._passed

    def monotonic(self) -> float:
        with self._guard:
            return self._passed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._guard:
            self._passed += seconds
