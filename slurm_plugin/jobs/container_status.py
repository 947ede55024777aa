"""The status of a pod as the Virtual Kubelet reads it (core/v1 ContainerStatus).

Encoded as they stand (contract, sections 1.4 and 3.3): one state key per container, integers as
JSON integers, times as RFC 3339 in UTC, absent where unknown.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

_YEAR_9999 = 253_402_300_799


class Waiting(msgspec.Struct, frozen=True, omit_defaults=True):
    """state.waiting; the only way to say "not ready" (contract, section 3.3)."""

    reason: str
    message: str = ""


class Running(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """state.running."""

    started_at: datetime | None = None


class Terminated(msgspec.Struct, frozen=True, rename="camel"):
    """state.terminated; `exit_code` is always sent, since a missing one means success."""

    exit_code: int
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    signal: int = 0


class ContainerState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exactly one of the three is set."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """One container or init container."""

    name: str
    state: ContainerState
    ready: bool
    restart_count: int
    image: str
    image_id: str = msgspec.field(default="", name="imageID")
    last_state: dict[str, Any] = msgspec.field(default_factory=dict)
    started: bool = False
    container_id: str = msgspec.field(default="", name="containerID")


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """interLink's PodStatus, one per pod of the request."""

    name: str
    uid: str = msgspec.field(name="UID")
    namespace: str
    jid: str = msgspec.field(name="JID")
    containers: list[ContainerStatus]
    init_containers: list[ContainerStatus] | None = None


def at(epoch: float | None) -> datetime | None:
    """Epoch seconds as a time with zone; None where unknown or beyond what a date can say."""
    if epoch is None or not 0 <= epoch <= _YEAR_9999:
        return None
    return datetime.fromtimestamp(epoch, UTC)
