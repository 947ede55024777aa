"""Timestamps before the lines of a log, as the kubelet writes them."""

from collections.abc import Iterator
from datetime import UTC, datetime

from slurm_plugin.logs.index import NANOSECONDS, Timeline


def rfc3339_nano(moment: int) -> bytes:
    """Epoch nanoseconds as Kubernetes' RFC3339NanoFixed in UTC: always nine digits."""
    seconds, fraction = divmod(moment, NANOSECONDS)
    whole = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{fraction:09}Z".encode()


class Stamper:
    """Puts a time before each line of a log that comes in pieces.

    Args:
        times: when its bytes were written.
        offset: place of the first piece in the log.
        line_begins: False when the first piece goes on with a line whose beginning is not sent.
    """

    def __init__(self, times: Timeline, offset: int, *, line_begins: bool) -> None:
        self.times = times
        self._offset = offset
        self._line_begins = line_begins
        self._moment = -1
        self._prefix = b""

    def stamped(self, chunk: bytes, written: int) -> bytes:
        """The next piece with its timestamps.

        Args:
            chunk: bytes that follow the previous piece's.
            written: time of the log's last write in epoch nanoseconds.
        """
        return b"".join(self._parts(chunk, written))

    def _parts(self, chunk: bytes, written: int) -> Iterator[bytes]:
        begin = 0
        while begin < len(chunk):
            if self._line_begins:
                yield self._prefix_of(self.times.time_of(self._offset + begin, written))
            newline = chunk.find(b"\n", begin)
            end = newline + 1 or len(chunk)
            yield chunk[begin:end]
            self._line_begins = newline >= 0
            begin = end
        self._offset += len(chunk)

    def _prefix_of(self, moment: int) -> bytes:
        if moment != self._moment:
            self._moment = moment
            self._prefix = rfc3339_nano(moment) + b" "
        return self._prefix
