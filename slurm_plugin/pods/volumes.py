"""The volumes of a pod: what each is on the node, whatever container mounts it."""

import posixpath
from dataclasses import dataclass, field
from typing import Any

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.containers import check_label
from slurm_plugin.pods.contents import Contents, FileContent
from slurm_plugin.pods.manifest import HostPathVolume, ObjectMeta, Volume
from slurm_plugin.pods.quoting import bindable_path, shown

# Node-local memory; a directory per pod and volume, removed when the job ends.
_MEMORY_ROOT = "/dev/shm"  # noqa: S108 - a path on the compute node

_HOST_PATH_TYPES = frozenset(
    {"", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket", "CharDevice",
     "BlockDevice"}
)  # fmt: skip
_FILE_TYPES = frozenset({"File", "FileOrCreate", "Socket", "CharDevice", "BlockDevice"})


@dataclass(frozen=True, slots=True)
class NodeVolume:
    """A volume on the node.

    Attributes:
        source: absolute path on the node, or relative to the pod's directory.
        files: content that the plugin provides, by path below the source; None otherwise.
        read_only: it can't be written, whatever a mount says.
        made: it is an empty directory that the job gets (below the pod's directory or in memory).
        memory: it lies in the node's memory.
        host_type: type of a hostPath to check or make on the node; None for other volumes.
        field: path in the request, for messages.
    """

    source: str
    field: str
    files: dict[str, FileContent] | None = None
    read_only: bool = False
    made: bool = False
    memory: bool = False
    host_type: str | None = None


@dataclass(frozen=True, slots=True)
class VolumeContext:
    """What volumes are resolved against."""

    metadata: ObjectMeta
    contents: Contents
    settings: PodSettings
    known: frozenset[str] = field(default_factory=frozenset)


def node_volumes(volumes: list[Volume], context: VolumeContext) -> dict[str, NodeVolume]:
    """All volumes by name; those that no container mounts among them are left out.

    Raises:
        InvalidRequest: a volume can't be had here.
    """
    resolved: dict[str, NodeVolume] = {}
    for number, volume in enumerate(volumes):
        place = f"spec.volumes[{number}]"
        check_label(volume.name, f"{place}.name")
        if volume.name in resolved:
            raise InvalidRequest(f"{place}.name: {volume.name} is taken by another volume")
        if volume.name in context.known:
            resolved[volume.name] = _resolve(volume, place, context)
    return resolved


def _resolve(volume: Volume, place: str, context: VolumeContext) -> NodeVolume:
    contents = context.contents
    if volume.config_map is not None:
        files = contents.config_map(volume.config_map, f"{place}.configMap")
        return NodeVolume(f"configMaps/{volume.name}", place, files=files, read_only=True)
    if volume.secret is not None:
        files = contents.secret(volume.secret, f"{place}.secret")
        return NodeVolume(f"secrets/{volume.name}", place, files=files, read_only=True)
    if volume.projected is not None or volume.downward_api is not None:
        files = contents.projected(volume, place, context.metadata)
        return NodeVolume(f"projectedVolumeMaps/{volume.name}", place, files=files, read_only=True)
    if volume.empty_dir is not None:
        return _empty_dir(volume, place, context)
    if volume.host_path is not None:
        return _host_path(volume.host_path, f"{place}.hostPath", context.settings)
    if volume.persistent_volume_claim is not None:
        return _claim(volume.persistent_volume_claim, place, context)
    raise InvalidRequest(f"{place}: {volume.name} is of a kind that can't be had on the cluster")


def _empty_dir(volume: Volume, place: str, context: VolumeContext) -> NodeVolume:
    if volume.empty_dir is not None and volume.empty_dir.medium == "Memory":
        source = f"{_MEMORY_ROOT}/slurm-plugin-{context.metadata.uid}-{volume.name}"
        return NodeVolume(source, place, made=True, memory=True)
    return NodeVolume(f"emptyDirs/{volume.name}", place, made=True)


def _host_path(volume: HostPathVolume, place: str, settings: PodSettings) -> NodeVolume:
    kind = volume.type or ""
    if kind not in _HOST_PATH_TYPES:
        raise InvalidRequest(f"{place}.type: {shown(kind)} is no type of a hostPath")
    path = posixpath.normpath(bindable_path(volume.path, f"{place}.path"))
    path = "/" + path.lstrip("/")
    if not any(_below(path, prefix) for prefix in settings.host_path_prefixes):
        raise InvalidRequest(f"{place}.path: {shown(path)} is not below HostPathPrefixes")
    return NodeVolume(path, place, host_type=kind)


def _below(path: str, prefix: str) -> bool:
    trimmed = prefix.rstrip("/")
    return path == trimmed or path.startswith(trimmed + "/")


def _claim(claim: dict[str, Any], place: str, context: VolumeContext) -> NodeVolume:
    name = str(claim.get("claimName", ""))
    paths = context.settings.claim_paths
    path = paths.get(f"{context.metadata.namespace}/{name}", paths.get(name))
    if path is None:
        raise InvalidRequest(
            f"{place}.persistentVolumeClaim: {shown(name)} has no directory on the cluster; "
            "the operator can name one in ClaimPaths"
        )
    return NodeVolume(path, place, read_only=claim.get("readOnly") is True)


def is_single_file(volume: NodeVolume) -> bool:
    """Whether a hostPath is a file rather than a directory."""
    return volume.host_type in _FILE_TYPES
