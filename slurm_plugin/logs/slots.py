"""How many streams may be open at once, so that they never use up the threads that answer."""

import threading

from slurm_plugin.errors import ServiceBusy


class Slots:
    """A fixed number of places.

    Args:
        limit: how many there are.
        what: what takes them, for the error's text.
    """

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self._free = limit
        self._guard = threading.Lock()

    def take(self) -> "Slot":
        """Take a place.

        Raises:
            ServiceBusy: all are taken.
        """
        with self._guard:
            if self._free == 0:
                raise ServiceBusy(f"{self._what}: the limit of {self._limit} at once is reached")
            self._free -= 1
        return Slot(self)

    def free(self) -> int:
        """Places that are not taken."""
        with self._guard:
            return self._free

    def put_back(self) -> None:
        """Called by a slot once."""
        with self._guard:
            self._free += 1


class Slot:
    """A place taken; given back once, at the latest when nobody holds it any more."""

    def __init__(self, slots: Slots) -> None:
        self._slots: Slots | None = slots

    def release(self) -> None:
        """Give the place back; more than once does no harm."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.put_back()

    def __del__(self) -> None:
        # A server that drops an answer before it asked for the first piece calls nobody.
        self.release()
