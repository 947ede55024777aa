"""Values of sbatch options as numbers, by the rules of sbatch's own parsers.

Each function returns None for what it does not read with certainty; the job then goes through
sbatch, which knows.
"""

import re
import signal
from typing import Final

UNLIMITED: Final = "UNLIMITED"

_SECONDS_IN_DAY: Final = 86400
_MAX_UINT16: Final = 0xFFFF
_CLOCK: Final = re.compile(
    r"(?:(?P<days>\d+)-)?(?P<first>\d+)(?::(?P<second>\d+))?(?::(?P<third>\d+))?", re.ASCII
)
_SIZE: Final = re.compile(r"(?P<number>\d+)(?P<unit>[KMGT]?)B?", re.IGNORECASE)
_MIB: Final = {"K": 1 / 1024, "": 1, "M": 1, "G": 1024, "T": 1024**2}
_GRES: Final = re.compile(
    r"(?:gres[:/])?(?P<name>[A-Za-z]\w*(?::[A-Za-z][\w.-]*)?)(?:[:=](?P<count>\d+))?", re.ASCII
)
_GPUS: Final = re.compile(r"(?:(?P<type>[A-Za-z][\w.-]*):)?(?P<count>\d+)", re.ASCII)
_SIGNAL: Final = re.compile(
    r"(?:(?P<flags>[RB]{1,2}):)?(?P<signal>\w+)(?:@(?P<time>\d+))?", re.IGNORECASE
)


def minutes(value: str) -> int | str | None:
    """Read a time limit (sbatch(1), `--time`): minutes rounded up, or `UNLIMITED`."""
    seconds = _seconds(value)
    if seconds is None or isinstance(seconds, str):
        return seconds
    # 0 means no limit (arg_set_time_limit in slurm_opt.c).
    return -(-seconds // 60) or UNLIMITED


def _seconds(value: str) -> int | str | None:
    if value.upper() in ("-1", "INFINITE", UNLIMITED):
        return UNLIMITED
    match = _CLOCK.fullmatch(value)
    if match is None:
        return None
    first, second, third = (int(match[part] or 0) for part in ("first", "second", "third"))
    if match["days"]:  # days-hours[:minutes[:seconds]]
        days = int(match["days"]) * _SECONDS_IN_DAY
        return days + first * 3600 + second * 60 + third
    if match["third"]:  # hours:minutes:seconds
        return first * 3600 + second * 60 + third
    return first * 60 + second  # minutes[:seconds]


def mebibytes(value: str) -> int | None:
    """Read a memory or disk size (`16G`, `32000`, `1024K`); the unit is MiB, rounded up."""
    match = _SIZE.fullmatch(value)
    if match is None:
        return None
    number = int(match["number"])
    if match["unit"].upper() == "K":
        return -(-number // 1024)
    return int(number * _MIB[match["unit"].upper()])


def positive(value: str) -> int | None:
    """Read a whole number from 1 to 65533 (the range of SLURM's 16-bit fields)."""
    if value.isascii() and value.isdigit() and 0 < int(value) < _MAX_UINT16 - 1:
        return int(value)
    return None


def gres(value: str) -> dict[str, int] | None:
    """Read generic resources: `gpu:a100:2,shard:1` as `{"gpu:a100": 2, "shard": 1}`."""
    counts: dict[str, int] = {}
    for item in value.split(","):
        match = _GRES.fullmatch(item)
        if match is None or match["name"] in counts or match["name"].lower() == "none":
            return None
        counts[match["name"]] = int(match["count"] or 1)
    return counts


def gpus(value: str) -> dict[str, int] | None:
    """Read GPU counts: `2` as `{"gpu": 2}`, `a100:1,v100:1` by type."""
    counts: dict[str, int] = {}
    for item in value.split(","):
        match = _GPUS.fullmatch(item)
        if match is None:
            return None
        name = f"gpu:{match['type']}" if match["type"] else "gpu"
        if name in counts:
            return None
        counts[name] = int(match["count"])
    return counts


def warn_signal(value: str) -> dict[str, int | bool] | None:
    """Read `--signal`: `B:USR1@30` as pyslurm's dictionary (60 seconds by default)."""
    match = _SIGNAL.fullmatch(value)
    if match is None:
        return None
    number, seconds = _signal_number(match["signal"]), int(match["time"] or 60)
    # pyslurm takes 0 seconds for "not given" and would send 60 (u16 in uint.pyx).
    if number is None or not 0 < seconds <= _MAX_UINT16:
        return None
    flags = (match["flags"] or "").upper()
    return {
        "signal": number,
        "time": seconds,
        "batch_only": "B" in flags,
        "allow_reservation_overlap": "R" in flags,
    }


def _signal_number(name: str) -> int | None:
    if name.isdigit():
        return positive(name)
    name = name.upper()
    try:
        return signal.Signals["SIG" + name.removeprefix("SIG")].value
    except KeyError:
        return None
