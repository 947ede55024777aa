"""The Kubernetes objects of a create request, as far as the plugin reads them.

msgspec structs of exactly the fields that matter; unknown fields are ignored, and every field may
be missing or null (Go's omitempty and nil slices: contract, sections 1.2 and 5), so read lists as
`pod.spec.containers or []`. Field names are Kubernetes' own (core/v1).
"""

from datetime import datetime
from typing import Any

import msgspec


class _Object(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """Base: camelCase on the wire."""


class ObjectMeta(_Object):
    """metav1.ObjectMeta."""

    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    deletion_grace_period_seconds: int | None = None
    creation_timestamp: datetime | None = None


class ConfigMap(_Object):
    """core/v1 ConfigMap; also the shape of `projectedvolumemaps`, whose name is the volume's."""

    metadata: ObjectMeta | None = None
    data: dict[str, str] | None = None
    binary_data: dict[str, str] | None = None


class Secret(_Object):
    """core/v1 Secret; values are base64."""

    metadata: ObjectMeta | None = None
    data: dict[str, str] | None = None
    string_data: dict[str, str] | None = None


class ContainerData(msgspec.Struct, omit_defaults=True, gc=False):
    """interLink's RetrievedContainer: what the volumes of one container hold."""

    name: str | None = None
    config_maps: list[ConfigMap] | None = msgspec.field(default=None, name="configMaps")
    projected_volume_maps: list[ConfigMap] | None = msgspec.field(
        default=None, name="projectedvolumemaps"
    )
    secrets: list[Secret] | None = None


class EnvVar(_Object):
    """One variable; `value` is absent for an empty one."""

    name: str
    value: str | None = None
    value_from: dict[str, Any] | None = None


class KeyToPath(_Object):
    """`items` of a volume."""

    key: str
    path: str
    mode: int | None = None


class ConfigMapVolume(_Object):
    """volumes[].configMap."""

    name: str | None = None
    items: list[KeyToPath] | None = None
    default_mode: int | None = None
    optional: bool | None = None


class SecretVolume(_Object):
    """volumes[].secret."""

    secret_name: str | None = None
    items: list[KeyToPath] | None = None
    default_mode: int | None = None
    optional: bool | None = None


class ProjectedVolume(_Object):
    """volumes[].projected; the content comes resolved beside the pod."""

    default_mode: int | None = None
    sources: list[dict[str, Any]] | None = None


class EmptyDirVolume(_Object):
    """volumes[].emptyDir."""

    medium: str | None = None
    size_limit: str | None = None


class HostPathVolume(_Object):
    """volumes[].hostPath."""

    path: str
    type: str | None = None


class Volume(_Object):
    """One volume; sources that the plugin does not know leave all fields None."""

    name: str
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    projected: ProjectedVolume | None = None
    empty_dir: EmptyDirVolume | None = None
    host_path: HostPathVolume | None = None
    downward_api: dict[str, Any] | None = msgspec.field(default=None, name="downwardAPI")
    persistent_volume_claim: dict[str, Any] | None = None


class VolumeMount(_Object):
    """containers[].volumeMounts[]."""

    name: str
    mount_path: str
    sub_path: str | None = None
    sub_path_expr: str | None = None
    read_only: bool | None = None


class Resources(_Object):
    """containers[].resources: quantities as text (`2500m`, `4Gi`)."""

    limits: dict[str, Any] | None = None
    requests: dict[str, Any] | None = None


class SecurityContext(_Object):
    """securityContext of a pod or a container."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    fs_group: int | None = None


class ContainerPort(_Object):
    """containers[].ports[]."""

    container_port: int
    name: str | None = None


class HttpHeader(_Object):
    """httpGet.httpHeaders[]."""

    name: str
    value: str | None = None


class HttpGetAction(_Object):
    """httpGet of a probe or hook; `port` is a number or a port's name."""

    port: int | str
    path: str | None = None
    host: str | None = None
    scheme: str | None = None
    http_headers: list[HttpHeader] | None = None


class TcpSocketAction(_Object):
    """tcpSocket of a probe."""

    port: int | str
    host: str | None = None


class ExecAction(_Object):
    """exec of a probe or hook."""

    command: list[str] | None = None


class GrpcAction(_Object):
    """grpc of a probe."""

    port: int
    service: str | None = None


class SleepAction(_Object):
    """sleep of a hook."""

    seconds: int


class Handler(_Object):
    """lifecycle.postStart or preStop."""

    exec: ExecAction | None = None
    http_get: HttpGetAction | None = None
    tcp_socket: TcpSocketAction | None = None
    sleep: SleepAction | None = None


class Probe(Handler):
    """A probe; None means Kubernetes' default."""

    grpc: GrpcAction | None = None
    initial_delay_seconds: int | None = None
    period_seconds: int | None = None
    timeout_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None
    termination_grace_period_seconds: int | None = None


class Lifecycle(_Object):
    """containers[].lifecycle."""

    post_start: Handler | None = None
    pre_stop: Handler | None = None


class Container(_Object):
    """A container or init container of the spec."""

    name: str
    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    working_dir: str | None = None
    env: list[EnvVar] | None = None
    ports: list[ContainerPort] | None = None
    resources: Resources | None = None
    volume_mounts: list[VolumeMount] | None = None
    image_pull_policy: str | None = None
    restart_policy: str | None = None
    security_context: SecurityContext | None = None
    startup_probe: Probe | None = None
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    tty: bool | None = None
    stdin: bool | None = None


class PodSpec(_Object):
    """spec."""

    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    restart_policy: str | None = None
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    security_context: SecurityContext | None = None
    hostname: str | None = None
    priority_class_name: str | None = None
    image_pull_secrets: list[dict[str, Any]] | None = None


class Pod(_Object):
    """core/v1 Pod; `status` is left out on purpose (contract, section 5, item 18)."""

    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None


class CreateRequest(msgspec.Struct, gc=False):
    """Body of `/create`: one object, or a one-element list of it from interLink 0.3 and 0.4.

    `jobConfig` is left out: it is always empty (contract, section 1.2).
    """

    pod: Pod | None = None
    container: list[ContainerData] | None = None
    job_script: str | None = msgspec.field(default=None, name="jobScript")
