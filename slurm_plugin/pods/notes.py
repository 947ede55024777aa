"""What people should know about their pod, though it does not keep it from running."""

from collections.abc import Iterator, Sequence

from slurm_plugin.pods.containers import PlacedContainer
from slurm_plugin.pods.manifest import PodSpec
from slurm_plugin.pods.quoting import shown
from slurm_plugin.pods.resources import PodResources


def pod_notes(
    spec: PodSpec, placed: Sequence[PlacedContainer], resources: PodResources
) -> Iterator[str]:
    """Notes about parts of the pod that have no effect."""
    if spec.image_pull_secrets:
        yield (
            "spec.imagePullSecrets: their contents never reach the cluster; private images need "
            "a login in the operator's RegistryAuthFile"
        )
    if spec.security_context and spec.security_context.fs_group is not None:
        yield "spec.securityContext.fsGroup has no effect; the job's own group owns the files"
    if spec.priority_class_name:
        yield "spec.priorityClassName has no effect; use sbatch's --qos or --priority"
    if spec.hostname:
        yield "spec.hostname has no effect; the job has its node's name"
    for name in resources.ignored:
        yield f"resource {shown(name)} means nothing on this cluster"
    for one in placed:
        if one.container.tty or one.container.stdin:
            yield f"{one.field}: tty and stdin have no effect in a batch job"
