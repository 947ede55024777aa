"""As whom a pod's job runs: a job has one user, so the containers must agree."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slurm_plugin.config.settings import Flavor
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.manifest import PodSpec, SecurityContext

_LARGEST_ID = 2**32 - 2  # (uid_t)-1 is no user


@dataclass(frozen=True, slots=True)
class RunAs:
    """As whom a pod wants to run.

    Attributes:
        uid: numeric user that pod or flavor ask for; None where they ask for none.
        gid: numeric group that the pod asks for, likewise.
        field: where the pod names its user, or could, for messages.
    """

    uid: int | None
    gid: int | None
    field: str


def run_as(spec: PodSpec, placed: Sequence[PlacedContainer], flavor: Flavor | None) -> RunAs:
    """User and group that pod or flavor ask for.

    Raises:
        InvalidRequest: containers ask for different users, or an id is out of range.
    """
    uid, field = _agreed(spec, placed, "runAsUser", lambda context: context.run_as_user)
    gid, _ = _agreed(spec, placed, "runAsGroup", lambda context: context.run_as_group)
    if uid is None and flavor is not None:
        uid = flavor.uid
    return RunAs(uid, gid, field)


def _agreed(
    spec: PodSpec,
    placed: Sequence[PlacedContainer],
    name: str,
    read: Callable[[SecurityContext], int | None],
) -> tuple[int | None, str]:
    """The one id that pod and containers name, and the first field that does."""
    place = f"spec.securityContext.{name}"
    agreed = _checked(read(spec.security_context) if spec.security_context else None, place)
    for one in placed:
        context = one.container.security_context
        field = f"{one.field}.securityContext.{name}"
        own = _checked(read(context), field) if context else None
        if own is None or own == agreed:
            continue
        if agreed is not None:
            raise InvalidRequest(f"{field}: {own} differs from {agreed}; one job has one user")
        agreed, place = own, field
    return agreed, place


def _checked(value: int | None, field: str) -> int | None:
    if value is not None and not 0 <= value <= _LARGEST_ID:
        raise InvalidRequest(f"{field}: {value} is not a numeric id")
    return value
