"""As whom a pod's job runs: a job has one user, so the containers must agree."""

from collections.abc import Callable, Sequence

from slurm_plugin.config.settings import Flavor
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.manifest import PodSpec, SecurityContext

_LARGEST_ID = 2**32 - 2  # (uid_t)-1 is no user


def run_as(
    spec: PodSpec, placed: Sequence[PlacedContainer], flavor: Flavor | None
) -> tuple[int | None, int | None]:
    """Numeric user and group that pod or flavor ask for; None where they ask for none.

    Raises:
        InvalidRequest: containers ask for different users, or an id is out of range.
    """
    uid = _agreed(spec, placed, "runAsUser", lambda context: context.run_as_user)
    gid = _agreed(spec, placed, "runAsGroup", lambda context: context.run_as_group)
    if uid is None and flavor is not None:
        uid = flavor.uid
    return uid, gid


def _agreed(
    spec: PodSpec,
    placed: Sequence[PlacedContainer],
    name: str,
    read: Callable[[SecurityContext], int | None],
) -> int | None:
    of_pod = read(spec.security_context) if spec.security_context else None
    agreed = _checked(of_pod, f"spec.securityContext.{name}")
    for one in placed:
        context = one.container.security_context
        field = f"{one.field}.securityContext.{name}"
        own = _checked(read(context), field) if context else None
        if own is None or own == agreed:
            continue
        if agreed is not None:
            raise InvalidRequest(f"{field}: {own} differs from {agreed}; one job has one user")
        agreed = own
    return agreed


def _checked(value: int | None, field: str) -> int | None:
    if value is not None and not 0 <= value <= _LARGEST_ID:
        raise InvalidRequest(f"{field}: {value} is not a numeric id")
    return value
