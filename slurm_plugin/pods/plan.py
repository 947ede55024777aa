"""A pod becomes a plan: files, sbatch options and the body of the batch script. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from slurm_plugin.config.settings import Flavor, PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.annotations import Annotations, read_annotations
from slurm_plugin.pods.containers import Kind, check_subdomain, placed_containers
from slurm_plugin.pods.files import PlannedFile, planned_files
from slurm_plugin.pods.flavors import choose_flavor, speaks_of_gres, with_gpu_count
from slurm_plugin.pods.launches import ContainerLaunch, PodContext, container_launches
from slurm_plugin.pods.manifest import CreateRequest, ObjectMeta, PodSpec
from slurm_plugin.pods.notes import pod_notes
from slurm_plugin.pods.resources import (
    PodResources,
    default_options,
    pod_options,
    pod_resources,
)
from slurm_plugin.pods.script import ScriptParts, script_body
from slurm_plugin.pods.users import run_as
from slurm_plugin.slurm.base import SbatchOption

__all__ = ["PlannedContainer", "PlannedFile", "PodPlan", "plan_pod"]

_DEFAULT_GRACE_SECONDS = 30
_LONGEST_SECONDS = 2**31 - 1
# The last files are written in it; `sp_limit_margin_seconds` of the library.
_LIMIT_MARGIN_SECONDS = 5
# SLURM keeps it in 16 bits.
_LONGEST_WARNING_SECONDS = 65535


@dataclass(frozen=True, slots=True)
class PlannedContainer:
    """A container of the plan, in the order of the script's `sp_names`."""

    name: str
    kind: Kind
    image: str


@dataclass(frozen=True, slots=True)
class PodPlan:
    """What a pod needs to run as a job.

    Attributes:
        namespace: the pod's namespace.
        name: the pod's name.
        uid: the pod's UID.
        containers: init and sidecar containers, then app containers.
        grace_seconds: terminationGracePeriodSeconds.
        run_as_uid: numeric user that pod or flavor ask for.
        run_as_gid: numeric group that the pod asks for.
        run_as_field: where the pod names its user, or could, for messages.
        files: files of the pod's directory; none where they travel inside the script.
        directories: directories of the pod's directory, parents first.
        default_options: weakest sbatch options, for pods that ask for nothing.
        flavor_flags: words of the flavor's sbatch options.
        annotation_flags: text of the annotation `slurm-job.vk.io/flags`.
        pod_options: strongest sbatch options, what the pod itself asks for.
        body: the batch script without its first line and `#SBATCH` lines.
        notes: one sentence for each thing that people should know.
    """

    namespace: str
    name: str
    uid: str
    containers: tuple[PlannedContainer, ...]
    grace_seconds: int
    run_as_uid: int | None
    run_as_gid: int | None
    run_as_field: str
    files: tuple[PlannedFile, ...]
    directories: tuple[str, ...]
    default_options: tuple[SbatchOption, ...]
    flavor_flags: tuple[str, ...]
    annotation_flags: str
    pod_options: tuple[SbatchOption, ...]
    body: str
    notes: tuple[str, ...]


def plan_pod(
    request: CreateRequest, settings: PodSettings, *, directory: str, shared_fs: bool
) -> PodPlan:
    """Plan a pod.

    Args:
        request: what the client sent.
        settings: how pods become jobs here.
        directory: the pod's directory, absolute; need not exist.
        shared_fs: the compute nodes see that directory.

    Raises:
        InvalidRequest: the pod can't become a job; the message names the field.
    """
    metadata, spec = _parts(request)
    placed = placed_containers(spec)
    annotations = read_annotations(metadata.annotations or {}, settings)
    resources = pod_resources(placed, settings.gpu_types)
    flavor, flavor_notes = choose_flavor(settings, annotations.flavor, _gpu_count(resources))
    wanted = run_as(spec, placed, flavor)
    context = PodContext(
        metadata, spec, _own_cache(settings, wanted.uid), annotations, resources, directory
    )
    launches, volumes = container_launches(placed, context, request.container or [])
    files, directories = planned_files(launches, volumes, annotations, request.job_script)
    notes = (
        *annotations.notes,
        *flavor_notes,
        *pod_notes(spec, placed, resources),
        *(note for launch in launches for note in launch.notes),
    )
    grace = _grace_seconds(spec)
    parts = ScriptParts(
        context=context,
        launches=launches,
        volumes=volumes,
        files=files,
        directories=directories,
        shared_fs=shared_fs,
        grace_seconds=grace,
        job_script=bool(request.job_script),
        notes=notes,
        run_as_uid=wanted.uid,
    )
    return PodPlan(
        namespace=metadata.namespace or "",
        name=metadata.name or "",
        uid=metadata.uid or "",
        containers=_planned(launches),
        grace_seconds=grace,
        run_as_uid=wanted.uid,
        run_as_gid=wanted.gid,
        run_as_field=wanted.field,
        files=files if shared_fs else (),
        directories=directories if shared_fs else (),
        default_options=(*default_options(settings, flavor), _warning(grace)),
        flavor_flags=flavor.slurm_flags if flavor else (),
        annotation_flags=annotations.flags,
        pod_options=_pod_options(spec, settings, resources, flavor, annotations),
        body=script_body(parts),
        notes=notes,
    )


def _parts(request: CreateRequest) -> tuple[ObjectMeta, PodSpec]:
    pod = request.pod
    if pod is None or pod.metadata is None:
        raise InvalidRequest("pod.metadata: missing")
    if pod.spec is None:
        raise InvalidRequest("spec: missing")
    check_subdomain(pod.metadata.name or "unnamed", "metadata.name")
    return pod.metadata, pod.spec


def _gpu_count(resources: PodResources) -> int:
    return sum(resources.gpus.values())


def _grace_seconds(spec: PodSpec) -> int:
    grace = spec.termination_grace_period_seconds
    if grace is None:
        return _DEFAULT_GRACE_SECONDS
    if not 0 <= grace <= _LONGEST_SECONDS:
        raise InvalidRequest(f"spec.terminationGracePeriodSeconds: {grace} is out of range")
    return grace


def _warning(grace: int) -> SbatchOption:
    """SLURM tells the script that the time limit is near, so that containers end by themselves.

    Not TERM, which a delete sends: this warning may come a minute early, and then waits.
    """
    seconds = min(grace + _LIMIT_MARGIN_SECONDS, _LONGEST_WARNING_SECONDS)
    return SbatchOption("signal", f"B:USR1@{seconds}")


def _planned(launches: Sequence[ContainerLaunch]) -> tuple[PlannedContainer, ...]:
    return tuple(
        PlannedContainer(one.placed.name, one.placed.kind, one.launch.image.name)
        for one in launches
    )


def _own_cache(settings: PodSettings, uid: int | None) -> PodSettings:
    """Users of a root plugin don't share images: each could change what the others run."""
    if uid is None or not settings.image_cache_dir:
        return settings
    own = f"{settings.image_cache_dir.rstrip('/')}/{uid}"
    return settings.model_copy(update={"image_cache_dir": own})


def _pod_options(
    spec: PodSpec,
    settings: PodSettings,
    resources: PodResources,
    flavor: Flavor | None,
    annotations: Annotations,
) -> tuple[SbatchOption, ...]:
    by_annotation = speaks_of_gres((annotations.flags,))
    by_flavor = flavor is not None and speaks_of_gres(flavor.slurm_flags)
    options = pod_options(resources, settings.gpu_types, gres_given=by_annotation or by_flavor)
    gpus = _gpu_count(resources)
    more = with_gpu_count(flavor, gpus) if gpus and not by_annotation else None
    if more is not None:
        options = (*options, more)
    deadline = spec.active_deadline_seconds
    if deadline is None:
        return options
    if not 1 <= deadline <= _LONGEST_SECONDS:
        raise InvalidRequest(f"spec.activeDeadlineSeconds: {deadline} is out of range")
    # SLURM counts in minutes.
    return (*options, SbatchOption("time", str(-(-deadline // 60))))
