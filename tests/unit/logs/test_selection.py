"""Any combination of options gives what a simple reading of the rules gives."""

import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.logs import index as log_index
from slurm_plugin.logs import selection
from slurm_plugin.logs.files import open_log
from slurm_plugin.logs.index import NANOSECONDS, Timeline
from slurm_plugin.logs.query import LogQuery
from slurm_plugin.logs.selection import first_byte, limited, pieces
from slurm_plugin.logs.stamps import Stamper, rfc3339_nano
from tests.fakes.pods import KEY

_line = st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"\r"))
_content = st.builds(
    lambda lines, last: b"".join(line + b"\n" for line in lines) + last,
    st.lists(_line, max_size=30),
    _line,
)


@st.composite
def _cases(draw):
    content = draw(_content)
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(content))), max_size=8)))
    cuts = [cut for cut in cuts if cut <= len(content)]
    times = sorted(draw(st.lists(st.integers(1000, 1020), min_size=len(cuts), max_size=len(cuts))))
    written = draw(st.integers(times[-1] if times else 1000, 1025)) * NANOSECONDS + 5
    query = LogQuery(
        KEY,
        "main",
        tail=draw(st.none() | st.integers(1, 35)),
        limit=draw(st.none() | st.integers(1, 200)),
        since=draw(st.none() | st.floats(995, 1030)),
        timestamps=draw(st.booleans()),
    )
    return content, list(zip(cuts, times, strict=True)), written, query


def _time_of(offset, entries, written):
    return next((time * NANOSECONDS for size, time in entries if size > offset), written)


def _expected(content, entries, written, query):
    lines, offset = [], 0
    for line in re.findall(rb"[^\n]*\n|[^\n]+", content):
        lines.append((_time_of(offset, entries, written), line))
        offset += len(line)
    if query.since is not None:
        earliest = int(query.since // 1) * NANOSECONDS
        lines = [line for line in lines if line[0] >= earliest]
    if query.tail is not None:
        lines = lines[-query.tail :]
    stamp = query.timestamps
    text = b"".join((rfc3339_nano(at) + b" " if stamp else b"") + line for at, line in lines)
    return text if query.limit is None else text[: query.limit]


def _actual(directory, written, query, piece):
    with open_log(directory, "log") as log, open_log(directory, "index") as index:
        start = first_byte(log, log.size(), index, written, query)
        chunks = pieces(log, start, log.size(), piece)
        if query.timestamps:
            stamper = Stamper(Timeline(index, start), start, line_begins=True)
            chunks = (stamper.stamped(chunk, written) for chunk in chunks)
        return b"".join(limited(chunks, query.limit))


@given(case=_cases(), piece=st.integers(1, 64), block=st.integers(1, 40))
def test_options_together_equal_the_simple_reference(case, piece, block):
    content, entries, written, query = case
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "log").write_bytes(content)
        (directory / "index").write_text("".join(f"{size} {time}\n" for size, time in entries))
        kept = selection._BACKWARDS, selection.PIECE, log_index._SCAN
        selection._BACKWARDS, selection.PIECE, log_index._SCAN = block, block, 16
        try:
            actual = _actual(directory, written, query, piece)
        finally:
            selection._BACKWARDS, selection.PIECE, log_index._SCAN = kept
    assert actual == _expected(content, entries, written, query)


@given(st.integers(0, 253_402_300_799), st.integers(0, NANOSECONDS - 1))
def test_a_timestamp_has_nine_digits_and_says_the_time(seconds, fraction):
    text = rfc3339_nano(seconds * NANOSECONDS + fraction).decode()
    whole, digits = text.removesuffix("Z").split(".")
    assert len(digits) == 9
    assert int(digits) == fraction
    assert datetime.fromisoformat(whole + "+00:00") == datetime.fromtimestamp(seconds, UTC)


def test_a_hostile_index_is_passed_over(tmp_path):
    (tmp_path / "log").write_bytes(b"one\ntwo\n")
    junk = b"\x00" * 300_000 + b"\n" + b"4 99999999999999999999\nx y\n-1 5\n4 1000\n8 1010\n"
    (tmp_path / "index").write_bytes(junk)
    query = LogQuery(KEY, "main", since=1005.0, timestamps=True)
    assert _actual(tmp_path, 0, query, 64) == b"1970-01-01T00:16:50.000000000Z two\n"


def test_a_long_index_is_searched_not_read_through(tmp_path):
    (tmp_path / "log").write_bytes(b"x\n" * 100_000)
    lines = (f"{2 * number} {1000 + number}\n" for number in range(1, 100_001))
    (tmp_path / "index").write_text("".join(lines))
    read = []

    class Counting:
        def __init__(self, file):
            self.size = file.size
            self.read = lambda offset, length: (read.append(length), file.read(offset, length))[1]

    with open_log(tmp_path, "log") as log, open_log(tmp_path, "index") as index:
        start = first_byte(log, log.size(), Counting(index), 0, LogQuery(KEY, "m", since=91_000.0))
        assert start == 2 * 89_999
        assert sum(read) < 200_000 < index.size()
