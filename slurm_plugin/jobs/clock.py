"""Time as an argument, so that tests can move it."""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Both kinds of time and the way to wait."""

    def now(self) -> float:
        """Epoch seconds: for what people and SLURM read."""

    def monotonic(self) -> float:
        """Seconds that never jump: for ages and deadlines."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True)
class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
