"""The mounts of a container: volumes, with subPath, at their places inside."""

import posixpath
from collections.abc import Mapping

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.expansion import expand
from slurm_plugin.pods.manifest import VolumeMount
from slurm_plugin.pods.quoting import bindable_path, relative_path, shown
from slurm_plugin.pods.runtimes.base import Mount
from slurm_plugin.pods.volumes import NodeVolume, is_single_file


def mounted_volumes(placed: tuple[PlacedContainer, ...]) -> frozenset[str]:
    """Names of the volumes that some container mounts."""
    return frozenset(mount.name for one in placed for mount in one.container.volume_mounts or [])


def container_mounts(
    placed: PlacedContainer,
    volumes: Mapping[str, NodeVolume],
    variables: Mapping[str, str],
    directory: str,
) -> tuple[tuple[Mount, ...], tuple[str, ...]]:
    """The mounts, parents before children, and directories to make for them.

    Args:
        placed: the container.
        volumes: the pod's volumes by name.
        variables: the container's environment, for subPathExpr.
        directory: the pod's directory on the node.

    Returns:
        Mounts with absolute sources; absolute paths of sub-directories of emptyDirs.

    Raises:
        InvalidRequest: a mount names no volume, or its paths are wrong.
    """
    mounts: dict[str, Mount] = {}
    made = []
    for number, wanted in enumerate(placed.container.volume_mounts or []):
        field = f"{placed.field}.volumeMounts[{number}]"
        volume = volumes.get(wanted.name)
        if volume is None:
            raise InvalidRequest(f"{field}.name: {shown(wanted.name)} is not among spec.volumes")
        target = _target(wanted, field)
        if target in mounts:
            raise InvalidRequest(f"{field}.mountPath: {shown(target)} is taken by another mount")
        source = posixpath.join(directory, volume.source)
        sub_path = _sub_path(wanted, field, variables)
        if sub_path:
            _check_sub_path(volume, sub_path, field)
            source = bindable_path(posixpath.join(source, sub_path), f"{field}.subPath")
            made += [source] if volume.made else []
        read_only = volume.read_only or bool(wanted.read_only)
        mounts[target] = Mount(source, target, read_only)
    return tuple(mounts[target] for target in sorted(mounts)), tuple(made)


def _target(wanted: VolumeMount, field: str) -> str:
    path = bindable_path(wanted.mount_path, f"{field}.mountPath")
    target = "/" + posixpath.normpath(path).lstrip("/")
    if target == "/":
        raise InvalidRequest(f"{field}.mountPath: nothing can be mounted at /")
    return target


def _sub_path(wanted: VolumeMount, field: str, variables: Mapping[str, str]) -> str:
    if wanted.sub_path and wanted.sub_path_expr:
        raise InvalidRequest(f"{field}.subPathExpr: can't stand beside subPath")
    if wanted.sub_path_expr:
        return relative_path(expand(wanted.sub_path_expr, variables, field), f"{field}.subPathExpr")
    return relative_path(wanted.sub_path, f"{field}.subPath") if wanted.sub_path else ""


def _check_sub_path(volume: NodeVolume, sub_path: str, field: str) -> None:
    if is_single_file(volume):
        raise InvalidRequest(f"{field}.subPath: the volume is a single file")
    if volume.files is None:
        return
    below = sub_path + "/"
    if not any(path == sub_path or path.startswith(below) for path in volume.files):
        raise InvalidRequest(f"{field}.subPath: {shown(sub_path)} is not in the volume")
