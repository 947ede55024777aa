"""A pod's status as a table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_HEADER = ("CONTAINER", "STATE", "REASON", "EXIT", "RESTARTS", "MESSAGE")


def containers(status: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All container statuses of an answer, init containers first."""
    return [*(status.get("initContainers") or []), *(status.get("containers") or [])]


def has_ended(status: Mapping[str, Any]) -> bool:
    """Whether every container is terminated."""
    return all(one["state"].get("terminated") for one in containers(status))


def table(status: Mapping[str, Any]) -> str:
    """One line for each container."""
    rows = [_HEADER, *(_row(one) for one in containers(status))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    return "".join(_lines(rows, widths))


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip() + "\n"


def _row(container: Mapping[str, Any]) -> tuple[str, ...]:
    state = container["state"]
    name = next((name for name in ("terminated", "running", "waiting") if state.get(name)), "-")
    detail = state.get(name) or {}
    return (
        str(container["name"]),
        name,
        str(detail.get("reason") or ""),
        str(detail.get("exitCode", "")),
        str(container.get("restartCount", 0)),
        " ".join(str(detail.get("message") or "").split()),
    )
