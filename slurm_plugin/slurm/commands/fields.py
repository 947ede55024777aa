"""Values as SLURM's commands print them, times asked for as epoch seconds (SLURM_TIME_FORMAT)."""

import re
from collections.abc import Collection, Iterator
from typing import Final

from slurm_plugin.slurm.options import values

SEPARATOR: Final = "|"
TIME_FORMAT: Final = {"SLURM_TIME_FORMAT": "%s", "TZ": "UTC"}

_NOTHING: Final = frozenset({"", "N/A", "(null)", "None", "None assigned", "Unknown", "n/a"})
_IDS_PER_CALL: Final = 1000


def text(value: str) -> str:
    """A word, empty for SLURM's many ways of saying that there is none."""
    stripped = value.strip()
    return "" if stripped in _NOTHING else stripped


def number(value: str) -> int | None:
    """A whole number; None for anything else."""
    stripped = value.strip()
    return int(stripped) if stripped.isascii() and stripped.isdigit() else None


def epoch(value: str) -> int | None:
    """Epoch seconds; None where SLURM has no time."""
    return number(value) or None


def exit_code(value: str) -> tuple[int, int]:
    """Exit code and signal, from `code:signal` or squeue's raw wait status in 22.05 (`768`)."""
    code, colon, signal = value.strip().partition(":")
    if not colon:
        status = number(code) or 0
        return status >> 8 & 0xFF, status & 0x7F
    return (number(code) or 0) & 0xFF, (number(signal) or 0) & 0x7F


def time_limit(value: str) -> int | None:
    """Minutes of a limit like `1-02:03:04` or `30:00`; None for UNLIMITED and the like."""
    minutes = values.minutes(value.strip())
    return minutes if isinstance(minutes, int) else None


def records(output: str, columns: int) -> Iterator[list[str]]:
    """Rows of `field|field|...|` lines; others (messages of wrappers, continued lines) are none.

    The last column may hold separators itself.
    """
    for line in output.splitlines():
        if not _BEGINS_WITH_ID.match(line):
            continue
        row = line.split(SEPARATOR, columns - 1)
        if len(row) == columns:
            row[-1] = row[-1].removesuffix(SEPARATOR)
            yield row


_BEGINS_WITH_ID: Final = re.compile(r"\d+\|", re.ASCII)


def batches(job_ids: Collection[int]) -> Iterator[str]:
    """Job ids as arguments, in pieces that fit a command line."""
    ordered = sorted(job_ids)
    for start in range(0, len(ordered), _IDS_PER_CALL):
        yield ",".join(str(job_id) for job_id in ordered[start : start + _IDS_PER_CALL])
