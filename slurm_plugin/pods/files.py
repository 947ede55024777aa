"""The files of a pod's directory that the plugin provides."""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods import layout
from slurm_plugin.pods.annotations import Annotations
from slurm_plugin.pods.environment import encode
from slurm_plugin.pods.launches import ContainerLaunch
from slurm_plugin.pods.quoting import checked
from slurm_plugin.pods.volumes import NodeVolume

JOB_SCRIPT = "jobScript.sh"
MESH_SCRIPT = "mesh.sh"
_OWNER_ONLY = 0o600
_EXECUTABLE = 0o700


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file below the pod's directory."""

    path: str
    content: bytes
    mode: int


def planned_files(
    launches: Sequence[ContainerLaunch],
    volumes: Mapping[str, NodeVolume],
    annotations: Annotations,
    job_script: str | None,
) -> tuple[tuple[PlannedFile, ...], tuple[str, ...]]:
    """Files and directories (parents first) of a pod.

    Raises:
        InvalidRequest: two files of a volume can't stand beside each other.
    """
    files = [
        PlannedFile(layout.environment_file(one.placed.name), encode(one.variables), _OWNER_ONLY)
        for one in launches
    ]
    if job_script:
        files.append(_script(JOB_SCRIPT, job_script, "jobScript"))
    if annotations.mesh_script:
        files.append(_script(MESH_SCRIPT, annotations.mesh_script, "annotation pre-exec"))
    roots = [one.scratch for one in launches if one.scratch]
    for volume in volumes.values():
        if volume.made and not volume.memory:
            roots.append(volume.source)
        elif volume.files is not None:
            roots.append(volume.source)
            files += _volume_files(volume)
    return tuple(files), _directories(roots, files)


def _script(name: str, text: str, field: str) -> PlannedFile:
    return PlannedFile(name, checked(text, field).encode(), _EXECUTABLE)


def _volume_files(volume: NodeVolume) -> list[PlannedFile]:
    contents = volume.files or {}
    for path in contents:
        parents = {parent for parent in _parents(path) if parent in contents}
        if parents:
            raise InvalidRequest(f"{volume.field}: {path} lies below another file of the volume")
    return [
        PlannedFile(posixpath.join(volume.source, path), file.content, file.mode)
        for path, file in contents.items()
    ]


def _directories(roots: Iterable[str], files: Iterable[PlannedFile]) -> tuple[str, ...]:
    needed = {parent for file in files for parent in _parents(file.path)}
    for root in roots:
        needed |= {root, *_parents(root)}
    return tuple(sorted(needed))


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
