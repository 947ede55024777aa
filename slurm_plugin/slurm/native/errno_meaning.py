"""What an errno of libslurm means for the caller (slurm_errno.h, the same from 22.05 to 26.05)."""

import errno
import re
from typing import Final

from slurm_plugin.errors import (
    BackendUnavailable,
    SlurmPluginError,
    SlurmRefused,
    UnexpectedAnswer,
)

INVALID_JOB_ID: Final = 2017
"""ESLURM_INVALID_JOB_ID: slurmctld does not know the job."""
_VERSIONS_DIFFER: Final = 1005

# SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR and what connect(2) says: the request never left this
# host, nothing can have happened.
_NOT_SENT: Final = frozenset({1800, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENOENT})
# slurmctld answered that it can't now: ESLURM_IN_STANDBY_MODE and the like.
_AWAY_WORDS: Final = re.compile(
    r"standby|unable to contact|connect(?:ion)? fail|rate limit|temporarily|timed out|"
    r"credential|authentication|munge|zero bytes|connection refused",
    re.IGNORECASE,
)
_FIRST_REFUSAL: Final = 2000
_FIRST_COMMUNICATION: Final = 5000


def error_for(number: int | None, text: str, *, changes: bool = False) -> SlurmPluginError:
    """The error to raise for an RPC that failed.

    Args:
        number: libslurm's errno; None where pyslurm gave none.
        text: SLURM's words.
        changes: the RPC changes something, so that a lost answer leaves the outcome unknown.

    Returns:
        SlurmRefused where SLURM said no to a change, UnexpectedAnswer where it said no to a
        question or does not talk with this library, BackendUnavailable where it can't be asked.
    """
    if number == _VERSIONS_DIFFER:
        return UnexpectedAnswer(f"pyslurm's SLURM library does not fit slurmctld: {text}")
    answered = number is not None and _FIRST_REFUSAL <= number < _FIRST_COMMUNICATION
    if answered and not _AWAY_WORDS.search(text):
        return SlurmRefused(text) if changes else UnexpectedAnswer(f"SLURM says: {text}")
    sent = number not in _NOT_SENT and "connect failure" not in text
    return BackendUnavailable(f"SLURM can't be asked: {text}", outcome_unknown=changes and sent)
