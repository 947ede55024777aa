"""Whether a node can take work, by the words that SLURM uses for its state."""

import re
from typing import Final

# sinfo(1), NODE STATE CODES. A node that sleeps (POWERED_DOWN, `~`) wakes for a job.
_UNUSABLE: Final = frozenset(
    {
        "BLOCKED",
        "DOWN",
        "DRAIN",
        "DRAINED",
        "DRAINING",
        "ERROR",
        "FAIL",
        "FAILING",
        "FUTURE",
        "INVAL",
        "INVALID_REG",
        "MAINT",
        "MAINTENANCE",
        "NOT_RESPONDING",
        "NO_RESPOND",
        "UNKNOWN",
    }
)
_WORD: Final = re.compile(r"[A-Z_]+")


def is_usable(state: str) -> bool:
    """Judge a state such as `mixed+planned`, `IDLE+DRAIN` or `down*`.

    Args:
        state: all of SLURM's words, joined by `+` or `,`; a trailing `*` is "not responding".
    """
    words = _WORD.findall(state.upper())
    return bool(words) and _UNUSABLE.isdisjoint(words) and "*" not in state
