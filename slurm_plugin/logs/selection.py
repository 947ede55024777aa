"""Which bytes of a log are asked for: from which line on, up to which byte."""

from collections.abc import Iterator

from slurm_plugin.logs.index import NANOSECONDS, Readable, bytes_before
from slurm_plugin.logs.query import LogQuery

PIECE = 1 << 20
_BACKWARDS = 1 << 16


def first_byte(
    log: Readable, end: int, index: Readable | None, written: int, query: LogQuery
) -> int:
    """Where the answer begins: always the beginning of a line, or `end`.

    Since and tail both keep the last lines, so the later beginning counts, in whichever order
    they are applied.

    Args:
        log: the log.
        end: its size.
        index: its index, if there is one.
        written: time of its last write in epoch nanoseconds.
        query: what is asked for.
    """
    start = 0
    if query.since is not None:
        start = since_start(log, end, index, written, query.since)
    if query.tail is not None:
        start = tail_start(log, start, end, query.tail)
    return start


def tail_start(log: Readable, floor: int, end: int, lines: int) -> int:
    """Beginning of the last `lines` lines between `floor` and `end`, found from the end.

    A last line without a newline is a line.
    """
    # The newline that ends the last line begins no other.
    position = end - 1
    left = lines
    while position > floor:
        begin = max(floor, position - _BACKWARDS)
        block = log.read(begin, position - begin)
        count = block.count(b"\n")
        if count >= left:
            return begin + _nth_newline_from_end(block, left) + 1
        left -= count
        position = begin
    return floor


def _nth_newline_from_end(block: bytes, count: int) -> int:
    at = len(block)
    for _ in range(count):
        at = block.rfind(b"\n", 0, at)
    return at


def since_start(
    log: Readable, end: int, index: Readable | None, written: int, moment: float
) -> int:
    """Beginning of the first line whose first byte was written at `moment` or later.

    The index knows whole seconds, so the second of `moment` belongs to the answer.
    """
    second = int(moment // 1)
    known, found = (0, False) if index is None else bytes_before(index, second)
    if not found and written < second * NANOSECONDS:
        return end
    return next_line(log, min(known, end), end)


def next_line(log: Readable, offset: int, end: int) -> int:
    """The first beginning of a line at `offset` or later, or `end`."""
    if offset == 0:
        return 0
    position = offset - 1
    while position < end:
        block = log.read(position, min(PIECE, end - position))
        if not block:
            break
        newline = block.find(b"\n")
        if newline >= 0:
            return position + newline + 1
        position += len(block)
    return end


def at_line_start(log: Readable, offset: int) -> bool:
    """Whether a line begins at `offset`."""
    return offset == 0 or log.read(offset - 1, 1) == b"\n"


def pieces(log: Readable, start: int, end: int, size: int = PIECE) -> Iterator[bytes]:
    """The bytes from `start` to `end`, fewer when the file became shorter."""
    while start < end:
        piece = log.read(start, min(size, end - start))
        if not piece:
            return
        yield piece
        start += len(piece)


def limited(chunks: Iterator[bytes], limit: int | None) -> Iterator[bytes]:
    """The first `limit` bytes; ends with them, even when `chunks` would go on."""
    if limit is None:
        yield from chunks
        return
    for chunk in chunks:
        yield chunk[:limit]
        limit -= len(chunk)
        if limit <= 0:
            return
