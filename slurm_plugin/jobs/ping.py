"""The ping's answer on the wire (contract, section 4)."""

import msgspec


class Accelerator(msgspec.Struct, frozen=True, rename="camel"):
    """One kind of accelerator; the count is text, as all values of the ping."""

    resource_type: str
    available: str


class PingResources(msgspec.Struct, frozen=True, omit_defaults=True):
    """Quantities as text: one number instead and the client ignores the whole answer.

    What is None is left out, and the client keeps what it has.
    """

    cpu: str | None = None
    memory: str | None = None
    pods: str | None = None
    accelerators: list[Accelerator] | None = None


class PingTaint(msgspec.Struct, frozen=True):
    """A taint of the virtual node."""

    key: str
    value: str = ""
    effect: str = "NoSchedule"


class Ping(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answer to a status request with an empty list.

    `taints` None leaves those of the node alone, a list (even an empty one) replaces them.
    """

    status: str = msgspec.field(default_factory=lambda: "ok")  # a default would be left out
    resources: PingResources | None = None
    taints: list[PingTaint] | None = None
