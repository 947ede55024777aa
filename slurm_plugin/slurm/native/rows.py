"""Rows of the native query module as JobInfo.

Rows, not JobInfo, cross from the worker process: 10,000 small tuples are a fraction of the time of
10,000 pickled dataclasses, and a row that did not change needs no new JobInfo.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import StateAndFlags, parse_state_word

Row: TypeAlias = tuple[Any, ...]
"""See fastquery.pyx: numbers as in slurm.h, texts as bytes; name and comment only where asked."""

# slurm.h: INFINITE and NO_VAL; 0 is pyslurm's "no limit" as well.
_NO_LIMIT: Final = frozenset({0xFFFFFFFF, 0xFFFFFFFE, 0})
_NO_STATUS: Final = 0xFFFFFFFE
# From here on it pays to keep the decoded rows of a query.
_MANY: Final = 100


def job_of(row: Row) -> JobInfo:
    """Decode a row."""
    job_id, word, status, reason, submit, start, end, nodes, restarts, limit, user_id = row[:11]
    name, comment = row[11:] or (b"", b"")
    state, flags = _state(word)
    status = 0 if status == _NO_STATUS else status
    return JobInfo(
        job_id=job_id,
        state=state,
        flags=flags,
        reason="" if reason == b"None" else _text(reason),
        # wait(2): the low seven bits are the signal, the next byte is the exit code.
        exit_code=status >> 8 & 0xFF,
        signal=status & 0x7F,
        submit_time=submit or None,
        start_time=start or None,
        # Before the end, SLURM shows when the time limit would end the job.
        end_time=(end or None) if state.is_terminal else None,
        nodes=_text(nodes),
        restarts=restarts,
        time_limit=None if limit in _NO_LIMIT else limit,
        user_id=user_id,
        name=_text(name),
        comment=_text(comment),
    )


@lru_cache(maxsize=256)
def _state(word: int) -> StateAndFlags:
    return parse_state_word(word)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


class Decoder:
    """Decodes the rows of one query after the other; an unchanged row keeps its JobInfo."""

    def __init__(self) -> None:
        # Replaced as a whole, so that threads see the old one or the new one.
        self._known: dict[int, tuple[Row, JobInfo]] = {}

    def jobs(self, rows: Sequence[Row]) -> dict[int, JobInfo]:
        """The rows, decoded, by job id."""
        before = self._known
        known = {}
        for row in rows:
            seen = before.get(row[0])
            known[row[0]] = seen if seen and seen[0] == row else (row, job_of(row))
        if len(rows) >= _MANY:
            self._known = known
        return {job_id: job for job_id, (_, job) in known.items()}
