"""When a byte of a log was written, from its `.index` (`slurm_plugin.pods.layout`).

The index says "at this second the log had that many bytes", once a second at most while it grows.
It can be long, so it is searched by halving and read onwards in pieces, never whole.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

NANOSECONDS = 1_000_000_000

_ENTRY = re.compile(rb"(\d{1,18}) (\d{1,12})", re.ASCII)
_YEAR_9999 = 253_402_300_799
_BLOCK = 1 << 16
# Halving stops here: the rest is read through.
_SCAN = 4096
_LONGEST_LINE = 64


class Readable(Protocol):
    """A file read at any place (`LogFile`)."""

    def size(self) -> int:
        """Bytes that the file has now."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: the log had `size` bytes at `time` (epoch seconds)."""

    size: int
    time: int


def entries(index: Readable, offset: int) -> Iterator[tuple[Entry, int]]:
    """Entries from the line that begins at `offset`, each with the offset after its line.

    Lines that are none are left out: the pod's user can write anything there.
    """
    rest = b""
    while block := index.read(offset + len(rest), _BLOCK):
        data = rest + block
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].split(b"\n")[:-1]:
            offset += len(line) + 1
            entry = _parse(line)
            if entry is not None:
                yield entry, offset
        rest = data[whole:]
        if len(rest) > _LONGEST_LINE:
            # Not a line of ours: what is left of it parses as nothing either.
            offset, rest = offset + len(rest), b""


def _parse(line: bytes) -> Entry | None:
    match = _ENTRY.fullmatch(line)
    if match is None or int(match[2]) > _YEAR_9999:
        return None
    return Entry(int(match[1]), int(match[2]))


def bytes_before(index: Readable, moment: float) -> tuple[int, bool]:
    """How many bytes the log had when `moment` (epoch seconds) came.

    Returns:
        The number, and whether the index knows of bytes written at `moment` or later.
    """
    before = 0
    for entry, _ in entries(index, _line_before(index, lambda entry: entry.time < moment)):
        if entry.time >= moment:
            return before, True
        before = entry.size
    return before, False


class _Earlier(Protocol):
    def __call__(self, entry: Entry, /) -> bool: ...


def _line_before(index: Readable, earlier: _Earlier) -> int:
    """Offset of a line near the last one that is `earlier` (all before it are, too), or 0."""
    low, high = 0, index.size()
    while high - low > _SCAN:
        middle = (low + high) // 2
        found = _line_after(index, middle)
        if found is not None and earlier(found[1]):
            low = found[0]
        else:
            high = middle
    return low


def _line_after(index: Readable, offset: int) -> tuple[int, Entry] | None:
    data = index.read(offset, 4 * _LONGEST_LINE)
    start = data.find(b"\n") + 1
    end = data.find(b"\n", start)
    entry = _parse(data[start:end]) if start and end >= 0 else None
    return None if entry is None else (offset + start, entry)


class Timeline:
    """Times of the bytes of one log, asked for in ascending order.

    Args:
        index: the log's index; None while there is none.
        start: first byte that will be asked for.
    """

    def __init__(self, index: Readable | None, start: int) -> None:
        self._index = index
        self._latest = Entry(0, 0)
        self._offset = 0 if index is None else _line_before(index, lambda e: e.size <= start)

    def renew(self, index: Readable | None) -> None:
        """Read on in `index`: the same file, opened again, or the first one."""
        self._index = index

    def time_of(self, offset: int, written: int) -> int:
        """Epoch nanoseconds at which the byte at `offset` was written, a second more or less.

        Args:
            offset: never smaller than in the call before.
            written: answer for bytes that the index does not know yet (time of the last write).
        """
        if self._latest.size <= offset:
            self._advance(offset)
        known = self._latest.time * NANOSECONDS
        return known if self._latest.size > offset else max(written, known)

    def _advance(self, offset: int) -> None:
        if self._index is None:
            return
        for entry, after in entries(self._index, self._offset):
            self._offset = after
            # A clock that is set back must not make later lines look earlier.
            self._latest = Entry(entry.size, max(entry.time, self._latest.time))
            if entry.size > offset:
                return
