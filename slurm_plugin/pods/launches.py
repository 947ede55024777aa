"""Each container with everything that its runtime needs to know."""

from collections.abc import Sequence
from dataclasses import dataclass

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.pods.annotations import Annotations
from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.contents import Contents
from slurm_plugin.pods.environment import resolve
from slurm_plugin.pods.expansion import expand
from slurm_plugin.pods.images import image_of
from slurm_plugin.pods.manifest import Container, ContainerData, Handler, ObjectMeta, PodSpec
from slurm_plugin.pods.mounts import container_mounts, mounted_volumes
from slurm_plugin.pods.quoting import bindable_path, checked
from slurm_plugin.pods.resources import PodResources
from slurm_plugin.pods.runtimes import Launch, Mount, runtime_of
from slurm_plugin.pods.volumes import NodeVolume, VolumeContext, node_volumes


@dataclass(frozen=True, slots=True)
class PodContext:
    """The pod and the settings that all its containers share."""

    metadata: ObjectMeta
    spec: PodSpec
    settings: PodSettings
    annotations: Annotations
    resources: PodResources
    directory: str


@dataclass(frozen=True, slots=True)
class ContainerLaunch:
    """A container, ready for its runtime.

    Attributes:
        placed: the container and its place.
        launch: what the runtime is told.
        variables: its environment.
        made: absolute paths of directories to make on the node before it starts.
        scratch: directory below the pod's that it shares with its hooks as /tmp; empty for none.
        notes: what was left out.
    """

    placed: PlacedContainer
    launch: Launch
    variables: dict[str, str]
    made: tuple[str, ...]
    scratch: str
    notes: tuple[str, ...]


def container_launches(
    placed: tuple[PlacedContainer, ...], context: PodContext, sent: Sequence[ContainerData]
) -> tuple[tuple[ContainerLaunch, ...], dict[str, NodeVolume]]:
    """All containers and the volumes that they mount.

    Raises:
        InvalidRequest: a container can't be run here.
    """
    names = mounted_volumes(placed) if context.settings.export_pod_data else frozenset()
    volumes = node_volumes(
        context.spec.volumes or [],
        VolumeContext(context.metadata, Contents(sent), context.settings, names),
    )
    return tuple(_launch(one, context, volumes) for one in placed), volumes


def _launch(
    placed: PlacedContainer, context: PodContext, volumes: dict[str, NodeVolume]
) -> ContainerLaunch:
    pod_ip = context.annotations.pod_ip
    base = {"POD_IP": pod_ip} if pod_ip else {}
    variables, notes = resolve(placed, context.metadata, base)
    left_out = runtime_of(context.settings).left_out.intersection(variables)
    kept = {name: value for name, value in variables.items() if name not in left_out}
    mounts: tuple[Mount, ...] = ()
    made: tuple[str, ...] = ()
    if context.settings.export_pod_data:
        mounts, made = container_mounts(placed, volumes, variables, context.directory)
    scratch = _scratch(placed, mounts)
    if scratch:
        mounts = (Mount(f"{context.directory}/{scratch}", "/tmp"), *mounts)  # noqa: S108 - in the container
    return ContainerLaunch(
        placed=placed,
        launch=_told(placed, context, variables, mounts),
        variables=kept,
        made=made,
        scratch=scratch,
        notes=(*notes, *_left_out_notes(placed, left_out, context)),
    )


def _told(
    placed: PlacedContainer,
    context: PodContext,
    variables: dict[str, str],
    mounts: tuple[Mount, ...],
) -> Launch:
    container, annotations = placed.container, context.annotations
    return Launch(
        instance=f"{placed.name}{context.metadata.uid}",
        field=placed.field,
        image=image_of(placed, annotations.image_root, context.settings),
        command=_expanded(container.command, f"{placed.field}.command", variables),
        args=_expanded(container.args, f"{placed.field}.args", variables),
        working_dir=_working_dir(container, placed.field),
        mounts=mounts,
        extra_mounts=annotations.mounts,
        extra_options=annotations.options,
        commands=annotations.commands,
        gpus=frozenset(context.resources.gpus),
    )


def _expanded(words: list[str] | None, field: str, variables: dict[str, str]) -> tuple[str, ...]:
    return tuple(
        expand(checked(word, f"{field}[{number}]"), variables, f"{field}[{number}]")
        for number, word in enumerate(words or [])
    )


def _working_dir(container: Container, field: str) -> str:
    if not container.working_dir:
        return ""
    return bindable_path(container.working_dir, f"{field}.workingDir")


def _scratch(placed: PlacedContainer, mounts: Sequence[Mount]) -> str:
    """Hooks and probes are containers of their own: what they leave in /tmp must be seen."""
    container = placed.container
    handlers: list[Handler | None] = [
        container.startup_probe, container.readiness_probe, container.liveness_probe,
    ]  # fmt: skip
    if container.lifecycle:
        handlers += [container.lifecycle.post_start, container.lifecycle.pre_stop]
    if any(mount.target == "/tmp" for mount in mounts):  # noqa: S108 - a path in the container
        return ""
    shared = any(handler is not None and handler.exec is not None for handler in handlers)
    return f"hook-tmp/{placed.name}" if shared else ""


def _left_out_notes(
    placed: PlacedContainer, names: frozenset[str], context: PodContext
) -> list[str]:
    runtime = context.settings.container_runtime
    return [f"{placed.field}.env: {runtime} can't set {name}; left out" for name in sorted(names)]
