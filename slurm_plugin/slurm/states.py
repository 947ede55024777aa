"""SLURM's job states: base state and flags apart (slurm.h, job_state_codes).

The base state is one of a dozen; flags ride on it. `squeue` and pyslurm show a flag *instead of*
the base state, which is why UNKNOWN exists: "a flag was shown, the base is hidden".

The tables below are total over the releases 22.05 to 26.05. A word outside them becomes UNKNOWN
and is logged once: never an exception, never success.
"""

import logging
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

logger = logging.getLogger(__name__)


class JobState(Enum):
    """Base state: SLURM's long name is the value."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    TIMEOUT = "TIMEOUT"
    NODE_FAIL = "NODE_FAIL"
    PREEMPTED = "PREEMPTED"
    BOOT_FAIL = "BOOT_FAIL"
    DEADLINE = "DEADLINE"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    UNKNOWN = "UNKNOWN"
    """Only a flag was shown, or a word that no known release uses: keep the last known state."""

    @property
    def is_terminal(self) -> bool:
        """The job's processes ended or were told to; a requeue can still bring it back."""
        return self not in _NOT_TERMINAL

    @property
    def is_success(self) -> bool:
        """The batch script ended with 0 (sbatch(1), COMPLETED)."""
        return self is JobState.COMPLETED


_NOT_TERMINAL: Final = frozenset(
    {JobState.PENDING, JobState.RUNNING, JobState.SUSPENDED, JobState.UNKNOWN}
)


class JobFlag(Enum):
    """Flag beside the base state: SLURM's long name is the value."""

    COMPLETING = "COMPLETING"
    CONFIGURING = "CONFIGURING"
    EXPEDITING = "EXPEDITING"
    GETENV_FAILED = "GETENV_FAILED"
    LAUNCH_FAILED = "LAUNCH_FAILED"
    POWER_UP_NODE = "POWER_UP_NODE"
    RECONFIG_FAIL = "RECONFIG_FAIL"
    REQUEUED = "REQUEUED"
    REQUEUE_FED = "REQUEUE_FED"
    REQUEUE_HOLD = "REQUEUE_HOLD"
    RESIZING = "RESIZING"
    RESV_DEL_HOLD = "RESV_DEL_HOLD"
    REVOKED = "REVOKED"
    SIGNALING = "SIGNALING"
    SPECIAL_EXIT = "SPECIAL_EXIT"
    STAGE_OUT = "STAGE_OUT"
    STOPPED = "STOPPED"
    UPDATE_DB = "UPDATE_DB"


class StateAndFlags(NamedTuple):
    """Base state and flags of a job at one moment."""

    state: JobState
    flags: frozenset[JobFlag]


@dataclass(frozen=True, slots=True)
class _Base:
    """One base state: its compact code and its number in the low 8 bits of `job_state`."""

    state: JobState
    code: str
    number: int


@dataclass(frozen=True, slots=True)
class _Flag:
    """One flag.

    Attributes:
        flag: the flag.
        code: compact code; empty where squeue never shows the flag alone.
        bit: position in the raw `job_state` word; None where no release supported here sets it.
        implies: base state under the flag when the flag is shown alone, UNKNOWN where the flag
            rides on several.
    """

    flag: JobFlag
    code: str
    bit: int | None
    implies: JobState = JobState.UNKNOWN


# slurm.h, enum job_states: the same numbers from 22.05 to 26.05.
_BASES: Final = (
    _Base(JobState.PENDING, "PD", 0),
    _Base(JobState.RUNNING, "R", 1),
    _Base(JobState.SUSPENDED, "S", 2),
    _Base(JobState.COMPLETED, "CD", 3),
    _Base(JobState.CANCELLED, "CA", 4),
    _Base(JobState.FAILED, "F", 5),
    _Base(JobState.TIMEOUT, "TO", 6),
    _Base(JobState.NODE_FAIL, "NF", 7),
    _Base(JobState.PREEMPTED, "PR", 8),
    _Base(JobState.BOOT_FAIL, "BF", 9),
    _Base(JobState.DEADLINE, "DL", 10),
    _Base(JobState.OUT_OF_MEMORY, "OOM", 11),
)
_BASE_MASK: Final = 0xFF

# slurm.h of 26.05 (JOB_STATE_FLAGS), strings of job_state_string(). Bit 9 was UPDATE_DB up to
# 24.05 and means GETENV_FAILED in 26.05; raw words are only read by a pyslurm of that release.
_FLAGS: Final = (
    _Flag(JobFlag.LAUNCH_FAILED, "", 8),
    _Flag(JobFlag.GETENV_FAILED, "", 9),
    _Flag(JobFlag.UPDATE_DB, "", None),
    _Flag(JobFlag.REQUEUED, "RQ", 10, JobState.PENDING),
    _Flag(JobFlag.REQUEUE_HOLD, "RH", 11, JobState.PENDING),
    _Flag(JobFlag.SPECIAL_EXIT, "SE", 12, JobState.PENDING),
    _Flag(JobFlag.RESIZING, "RS", 13, JobState.RUNNING),
    _Flag(JobFlag.CONFIGURING, "CF", 14, JobState.RUNNING),
    _Flag(JobFlag.COMPLETING, "CG", 15),
    _Flag(JobFlag.STOPPED, "ST", 16, JobState.RUNNING),
    _Flag(JobFlag.RECONFIG_FAIL, "", 17),
    _Flag(JobFlag.POWER_UP_NODE, "", 18),
    _Flag(JobFlag.REVOKED, "RV", 19),
    _Flag(JobFlag.REQUEUE_FED, "RF", 20, JobState.PENDING),
    _Flag(JobFlag.RESV_DEL_HOLD, "RD", 21, JobState.PENDING),
    _Flag(JobFlag.SIGNALING, "SI", 22, JobState.RUNNING),
    _Flag(JobFlag.STAGE_OUT, "SO", 23),
    _Flag(JobFlag.EXPEDITING, "", 24),
)


def has_ended(state: JobState, flags: frozenset[JobFlag]) -> bool:
    """The job is over and its nodes are free: terminal, and no epilog is running any more."""
    return state.is_terminal and JobFlag.COMPLETING not in flags


def holds_nodes(state: JobState, flags: frozenset[JobFlag]) -> bool:
    """The job occupies nodes, be it stopped, suspended or completing."""
    busy = state in (JobState.RUNNING, JobState.SUSPENDED)
    return busy or JobFlag.COMPLETING in flags


def parse_state(text: str) -> StateAndFlags:
    """Read a state as any of SLURM's tools write it.

    Takes long names (`RUNNING`), compact codes (`R`), lists (`RUNNING,CONFIGURING`, as
    `scontrol --json` and `sacct` give them) and sacct's `CANCELLED by 1000`.

    Args:
        text: the state word or words.

    Returns:
        Base state and flags; UNKNOWN where no word names the base state and none implies it.
    """
    base = implied = JobState.UNKNOWN
    flags = set()
    for word in text.replace("+", ",").split(","):
        meaning = _meaning_of(word.strip().partition(" ")[0].upper())
        match meaning:
            case _Base():
                base = meaning.state
            case _Flag():
                flags.add(meaning.flag)
                implied = implied if implied is not JobState.UNKNOWN else meaning.implies
            case None:
                pass
    return StateAndFlags(implied if base is JobState.UNKNOWN else base, frozenset(flags))


def parse_state_word(word: int) -> StateAndFlags:
    """Read the raw `job_state` of a job (pyslurm): low 8 bits base, the rest flags.

    Args:
        word: `slurm_job_info_t.job_state`.

    Returns:
        Base state and flags; a base number that no known release uses is UNKNOWN.
    """
    flags = frozenset(f.flag for f in _FLAGS if f.bit is not None and word >> f.bit & 1)
    for base in _BASES:
        if base.number == word & _BASE_MASK:
            return StateAndFlags(base.state, flags)
    _warn_unknown(f"number {word & _BASE_MASK}")
    return StateAndFlags(JobState.UNKNOWN, flags)


@lru_cache(maxsize=1024)
def _meaning_of(word: str) -> _Base | _Flag | None:
    for base in _BASES:
        if word in (base.code, base.state.value):
            return base
    for flag in _FLAGS:
        if word == flag.flag.value or (word and word == flag.code):
            return flag
    _warn_unknown(word)
    return None


@lru_cache(maxsize=1024)  # the cache is what makes it once a word
def _warn_unknown(word: str) -> None:
    logger.warning("SLURM reports the unknown job state %r: the last known state is kept", word)
