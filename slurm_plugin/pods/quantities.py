"""Kubernetes quantities; the only importer of the `kubernetes` package's parser."""

import math
import re
from decimal import Decimal

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.quoting import shown

MEBIBYTE = 1 << 20
_LARGEST = Decimal(10) ** 18
# Checked first, since the parser also takes what Kubernetes does not (`NaN`, `1_000`).
_QUANTITY = re.compile(r"\+?[0-9]{0,20}\.?[0-9]{0,20}([eE][+-]?[0-9]{1,2}|[numkMGTPE]|[KMGTPE]i)?")
_SITE_MEMORY = re.compile(r"([0-9]{1,18})([KMGT]?)i?B?", re.IGNORECASE)
_SITE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def quantity(value: object, field: str) -> Decimal:
    """Parse a quantity (`2500m`, `4Gi`, `1e3`, 2).

    Raises:
        InvalidRequest: it is none, negative, or more than any cluster has.
    """
    from kubernetes.utils.quantity import parse_quantity  # noqa: PLC0415 - slow to import

    text = value if isinstance(value, str) else str(value)
    if isinstance(value, bool) or not _QUANTITY.fullmatch(text):
        raise InvalidRequest(f"{field}: {shown(value)} is not a quantity")
    try:
        parsed: Decimal = parse_quantity(text)  # type: ignore[no-untyped-call]
    except (ValueError, ArithmeticError):
        raise InvalidRequest(f"{field}: {shown(value)} is not a quantity") from None
    if parsed > _LARGEST:
        raise InvalidRequest(f"{field}: {shown(value)} is more than any cluster has")
    return parsed


def site_memory_mib(text: str, field: str) -> int:
    """Memory as the config writes it (`16G`, `32000M`, bytes; powers of 1024), in MiB.

    Raises:
        InvalidRequest: it is not a size.
    """
    match = _SITE_MEMORY.fullmatch(text.strip())
    if match is None:
        raise InvalidRequest(f"{field}: {shown(text)} is not a size of memory")
    return math.ceil(Decimal(match[1]) * _SITE_UNITS[match[2].upper()] / MEBIBYTE)
