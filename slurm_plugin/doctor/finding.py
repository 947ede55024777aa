"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found.

    Attributes:
        level: `ok`, `warning` (pods run, something is less than it could be), `problem`.
        text: one sentence.
        remedy: what to do; empty for `ok`.
    """

    level: Literal["ok", "warning", "problem"]
    text: str
    remedy: str = ""


def good(text: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", text)


def warning(text: str, remedy: str) -> Finding:
    """Pods run, but."""
    return Finding("warning", text, remedy)


def problem(text: str, remedy: str) -> Finding:
    """Pods won't run."""
    return Finding("problem", text, remedy)
