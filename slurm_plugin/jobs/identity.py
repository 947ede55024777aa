"""Who a pod is: namespace and UID, checked before they become a path."""

import re
from dataclasses import dataclass

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods import layout
from slurm_plugin.pods.manifest import ObjectMeta

# Kubernetes: namespaces are RFC 1123 labels; UIDs are UUIDs, those of static (mirror) pods 32
# hexadecimal digits (contract, section 5, item 16).
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class PodKey:
    """Namespace and UID of a pod; made by `pod_key` only, so both are safe in a path."""

    namespace: str
    uid: str

    @property
    def directory_name(self) -> str:
        """Name of the pod's directory below the data folder."""
        return layout.directory_name(self.namespace, self.uid)


def pod_key(namespace: str | None, uid: str | None) -> PodKey:
    """Check both parts.

    Raises:
        InvalidRequest: one of them is not what Kubernetes would send.
    """
    if not namespace or not _LABEL.fullmatch(namespace):
        raise InvalidRequest(f"metadata.namespace: {_shown(namespace)} is not a namespace name")
    if not uid or not _UID.fullmatch(uid):
        raise InvalidRequest(f"metadata.uid: {_shown(uid)} is not a pod UID")
    return PodKey(namespace, uid)


def key_of(metadata: ObjectMeta | None) -> PodKey:
    """The key of a pod object.

    Raises:
        InvalidRequest: metadata, namespace or UID are missing or malformed.
    """
    if metadata is None:
        raise InvalidRequest("metadata: missing")
    return pod_key(metadata.namespace, metadata.uid)


def key_of_directory(name: str) -> PodKey | None:
    """The key that a directory name stands for, None when it is not a pod's."""
    for length in (36, 32):
        namespace, uid = name[: -length - 1], name[-length:]
        dashed = name[-length - 1 : -length] == "-"
        if dashed and _LABEL.fullmatch(namespace) and _UID.fullmatch(uid):
            return PodKey(namespace, uid)
    return None


def _shown(value: str | None) -> str:
    """A hostile value, short and on one line."""
    return "null" if value is None else ascii(value[:80])
