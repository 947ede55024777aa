"""The containers of a pod, in the order in which they start."""

import re
from dataclasses import dataclass
from typing import Literal

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.manifest import Container, PodSpec
from slurm_plugin.pods.quoting import shown

Kind = Literal["init", "sidecar", "app"]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_LONGEST_SUBDOMAIN = 253


@dataclass(frozen=True, slots=True)
class PlacedContainer:
    """A container and its place in the request.

    Attributes:
        index: place among all containers, init containers first.
        kind: `sidecar` is an init container with `restartPolicy: Always`.
        field: path of the container in the request, for messages.
        container: what the client sent.
    """

    index: int
    kind: Kind
    field: str
    container: Container

    @property
    def name(self) -> str:
        """Name, unique in the pod."""
        return self.container.name


def check_subdomain(name: str, field: str) -> str:
    """A name by Kubernetes' rule for pods (RFC 1123 subdomain).

    Raises:
        InvalidRequest: it is none.
    """
    if len(name) > _LONGEST_SUBDOMAIN or not _SUBDOMAIN.fullmatch(name):
        raise InvalidRequest(f"{field}: {shown(name)} is not a name (RFC 1123 subdomain)")
    return name


def check_label(name: str, field: str) -> str:
    """A name by Kubernetes' rule for containers and volumes (RFC 1123 label).

    Raises:
        InvalidRequest: it is none.
    """
    if not _LABEL.fullmatch(name):
        raise InvalidRequest(f"{field}: {shown(name)} is not a name (RFC 1123 label)")
    return name


def placed_containers(spec: PodSpec) -> tuple[PlacedContainer, ...]:
    """All containers in starting order.

    Raises:
        InvalidRequest: there is no app container, or a name is malformed or taken.
    """
    if not spec.containers:
        raise InvalidRequest("spec.containers: the pod has no container")
    named = [
        (_init_kind(container), f"spec.initContainers[{number}]", container)
        for number, container in enumerate(spec.init_containers or [])
    ]
    named += [
        ("app", f"spec.containers[{number}]", container)
        for number, container in enumerate(spec.containers)
    ]
    placed = tuple(
        PlacedContainer(index, kind, field, container)
        for index, (kind, field, container) in enumerate(named)
    )
    _check_names(placed)
    return placed


def _init_kind(container: Container) -> Kind:
    return "sidecar" if container.restart_policy == "Always" else "init"


def _check_names(placed: tuple[PlacedContainer, ...]) -> None:
    seen: set[str] = set()
    for one in placed:
        check_label(one.name, f"{one.field}.name")
        if one.name in seen:
            raise InvalidRequest(f"{one.field}.name: {one.name} is taken by another container")
        seen.add(one.name)
