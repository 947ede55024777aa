"""One frozen tree of settings; the docstring under a field is its documentation.

The YAML file is flat, as the Go plugin's `SlurmConfig.yaml` is: the key of a field is its alias
(`SbatchPath`), whatever room of the tree it lives in. Each key may stand once, so aliases are
unique over the whole tree. Paths and sizes say their unit; times are seconds.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_pascal

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class _Room(BaseModel):
    """A part of the tree: frozen, strict about unknown fields, documented by docstrings."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        alias_generator=to_pascal,
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,  # `DefaultMemory: 4096` and `SbatchPath: 7` read as in Go
    )

    @field_validator("*", mode="before")
    @classmethod
    def _switches_are_no_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        """`SidecarPort: yes` is a mistake, not port 1."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError("must not be true or false (put text in quotes)")
        return value


class ServiceSettings(_Room):
    """How the plugin listens for the interLink API server."""

    sidecar_port: Port = 4000
    """TCP port."""
    listen: str = "127.0.0.1"
    """Address to listen on. Whoever reaches it can submit jobs and read logs."""
    socket: str = ""
    """`unix:///path` instead of TCP; empty for TCP."""
    socket_mode: Annotated[int, Field(ge=0, le=0o777)] = 0o600
    """Mode of the unix socket, e.g. `0o660`."""
    threads: Annotated[int, Field(ge=4, le=1000)] = 32
    """Threads that answer requests."""
    log_followers: Annotated[int, Field(ge=0, le=1000)] = 100
    """`kubectl logs -f` served at once, on threads of their own; the next gets 503."""
    max_request_mib: Annotated[int, Field(ge=1, le=1024)] = 128
    """Largest request body in MiB (ConfigMaps and Secrets travel in it)."""

    @field_validator("socket_mode", mode="before")
    @classmethod
    def _modes_are_octal(cls, value: Any) -> Any:
        """YAML 1.1 reads `0660` as octal and leaves `0o660` and `"660"` as text."""
        try:
            return int(value, 8) if isinstance(value, str) else value
        except ValueError:
            raise ValueError("must be an octal mode such as 0o660") from None

    @field_validator("socket_mode")
    @classmethod
    def _sockets_are_not_executed(cls, value: int) -> int:
        if value & 0o111:  # so that `440`, read as decimal, does not open the socket by mistake
            raise ValueError("must be an octal mode such as 0o660, without execute bits")
        return value


class SlurmSettings(_Room):
    """How SLURM is asked."""

    backend: Literal["auto", "pyslurm", "commands"] = "auto"
    """`auto` takes pyslurm when it works at start, else the commands."""
    sbatch_path: str = "sbatch"
    """Command that submits; may hold a wrapper with arguments (`ssh login sbatch`), no shell."""
    scancel_path: str = "scancel"
    """Command that cancels."""
    squeue_path: str = "squeue"
    """Command that lists jobs."""
    sinfo_path: str = "sinfo"
    """Command that lists nodes."""
    sacct_path: str = "sacct"
    """Command that reads accounting."""
    scontrol_path: str = "scontrol"
    """Command that shows SLURM's release and pings the controller."""
    slurm_conf: str = ""
    """Value of SLURM_CONF for SLURM's tools and library; empty leaves it as it is."""
    submit_timeout_seconds: Seconds = 20
    """How long a create waits for SLURM before the pod is kept and submitted later."""
    query_timeout_seconds: Seconds = 15
    """How long one query may take before it is given up."""
    status_refresh_seconds: Seconds = 2
    """Age from which the shared picture of the queue is refreshed by the next request."""
    job_lost_after_seconds: Annotated[float, Field(ge=0, le=604800)] = 300
    """How long a job may be known to neither queue nor accounting before it counts as lost."""
    unmapped_options: Literal["sbatch", "reject"] = "sbatch"
    """What becomes of sbatch options that pyslurm cannot express."""
    denied_options: tuple[str, ...] = ()
    """sbatch options (long names) that annotations may not set, besides the plugin's own."""


class Flavor(_Room):
    """A named preset of resources and sbatch options."""

    name: str = ""
    """Name; the key in the map when empty."""
    description: str = ""
    """For people."""
    cpu_default: Annotated[int, Field(ge=0, alias="CPUDefault")] = 0
    """CPUs for pods that ask for none; 0 for no default."""
    memory_default: str = ""
    """Memory for pods that ask for none (`16G`, `32000M`, `1024K`, bytes; powers of 1024)."""
    uid: Annotated[int | None, Field(ge=0, alias="UID")] = None
    """Numeric user that the jobs run as."""
    slurm_flags: tuple[str, ...] = ()
    """sbatch options, each beginning with `-`."""


class PodSettings(_Room):
    """How a pod becomes a job."""

    container_runtime: Literal["singularity", "enroot", "charliecloud"] = "singularity"
    """What runs the containers; `singularity` also means Apptainer."""
    singularity_path: str = "singularity"
    """Executable of Singularity or Apptainer on the compute nodes."""
    singularity_default_options: tuple[str, ...] = ("--nv", "--no-eval", "--containall")
    """Options of every singularity run."""
    enroot_path: str = "enroot"
    """Executable of Enroot on the compute nodes."""
    enroot_default_options: tuple[str, ...] = ("--rw",)
    """Options of every enroot start."""
    charliecloud_path: str = "ch-run"
    """Executable of Charliecloud on the compute nodes."""
    charliecloud_default_options: tuple[str, ...] = ()
    """Options of every ch-run."""
    image_prefix: str = ""
    """Put before image names that have no scheme and no leading `/`, e.g. `docker://`."""
    bash_path: str = "/bin/bash"
    """Interpreter in the first line of the batch script."""
    command_prefix: str = ""
    """Shell text of the operator, run in the batch script before the containers."""
    export_pod_data: bool = True
    """False: configMaps, secrets and emptyDirs are not mounted."""
    enable_probes: bool = False
    """Run startup, readiness and liveness probes."""
    allow_pre_exec: bool = True
    """Honour the annotations that are shell by contract (`pre-exec`, wstunnel, mesh)."""
    flavors: dict[str, Flavor] = Field(default_factory=dict)
    """Named presets."""
    default_flavor: str = ""
    """Flavor of pods that choose none."""
    default_uid: Annotated[int | None, Field(ge=0, alias="DefaultUID")] = None
    """Numeric user of jobs whose pod and flavor name none; needs root."""
    allow_root_jobs: bool = False
    """Let jobs run as uid 0."""
    default_cpu: Annotated[int, Field(ge=0, alias="DefaultCPU")] = 0
    """CPUs where pod and flavor name none; 0 leaves it to SLURM."""
    default_memory: str = ""
    """Memory where pod and flavor name none (as in flavors); empty leaves it to SLURM."""
    job_environment: dict[str, str] = Field(default_factory=dict)
    """Variables added to every job's environment."""
    host_path_prefixes: tuple[str, ...] = ("/",)
    """hostPath volumes must lie below one of these."""
    restart_policy: Literal["never", "honour"] = "never"
    """`honour` restarts containers inside the job as Kubernetes would."""
    gpu_types: Annotated[dict[str, str], Field(alias="GPUTypes")] = Field(
        default_factory=lambda: {
            "nvidia.com/gpu": "gpu",
            "amd.com/gpu": "gpu",
            "intel.com/gpu": "gpu",
        }
    )
    """Kubernetes resource names that are GPUs, with SLURM's gres name (`gpu`, `gpu:a100`)."""
    launcher: Literal["mpiexec", "srun", "none"] = "mpiexec"
    """What starts the tasks of pods with the annotation `mpi-flags`."""
    image_cache_dir: str = ""
    """Directory on the compute nodes where pulled images are shared by all pods of
    a user: pods that name a user have a directory with that number below it. Empty for none."""
    registry_auth_file: str = ""
    """Docker-style file with logins for registries, readable by the jobs' users only."""
    claim_paths: dict[str, str] = Field(default_factory=dict)
    """Directory of a persistentVolumeClaim: `namespace/claim` or `claim` to an absolute path."""
    max_script_bytes: Annotated[int, Field(ge=65536)] = 4 * 1024 * 1024
    """Largest batch script (SLURM: SchedulerParameters=max_script_size)."""
    tsocks: bool = False
    """Route the job's TCP through a SOCKS proxy on the login node."""
    tsocks_path: str = ""
    """tsocks library on the compute nodes."""
    tsocks_login_node: str = ""
    """Host that the proxy's ssh goes to."""
    max_log_size: str = ""
    """Largest log of one container (`500M`, `2G`, bytes; powers of 1024); the rest is dropped and
    the log says so. Empty for no limit."""


class JobSettings(_Room):
    """Where and how long pods are remembered."""

    data_root_folder: Path = Path("/var/lib/interlink/jobs/")
    """Parent of the pods' directories."""
    shared_fs: Annotated[bool, Field(alias="SharedFS")] = False
    """The data folder is shared with the compute nodes (environment: SHARED_FS)."""
    retain_finished_seconds: Annotated[float, Field(ge=0, le=3650 * 86400)] = 7 * 86400
    """How long a finished pod is kept when its delete never came; at least an hour."""
    reconcile_seconds: Seconds = 120
    """Time between two comparisons of records and queue."""
    orphaned_jobs: Literal["adopt", "cancel"] = "adopt"
    """What becomes of jobs of this data folder whose pod has no record; those of deleted pods are
    cancelled in any case."""


class LogSettings(_Room):
    """What `kubectl logs` shows."""

    logs_with_job_output: Literal["unstarted", "before", "after"] = "unstarted"
    """Where SLURM's own output (`job.out`) is shown: for containers that never started, or before
    or after each container's whole log as well (`before` is the Go plugin's order)."""


class CapacitySettings(_Room):
    """What the ping tells Kubernetes about the cluster."""

    capacity: Literal["total", "free"] = "total"
    """`total` is what the usable nodes have, since Kubernetes subtracts what it placed; `free`
    leaves out what other jobs hold, this plugin's among them."""
    capacity_partitions: tuple[str, ...] = ()
    """Partitions whose nodes count; empty for all."""
    excluded_partitions: tuple[str, ...] = ()
    """Nodes that are in no other partition than these do not count."""
    accelerator_types: dict[str, str] = Field(
        default_factory=lambda: {
            "gpu": "nvidia.com/gpu",
            "gpu:mi[0-9]*": "amd.com/gpu",
            "gpu:pvc*": "intel.com/gpu",
        }
    )
    """Kubernetes resource of each SLURM gres, by name (`gpu`) or name and type (`gpu:mi*`, shell
    patterns); the longest that fits wins."""
    max_pods: Annotated[int, Field(ge=0, le=1_000_000)] = 10000
    """Pods that the virtual node takes."""
    taints: tuple["Taint", ...] = ()
    """Taints of the virtual node."""
    slurm_away_taint: str = ""
    """Key of a NoSchedule taint while SLURM does not answer; empty for none. With it, the ping
    always lists taints, which replaces those of the Virtual Kubelet's own config."""
    resource_script_path: str = ""
    """Program (may hold arguments; no shell) whose stdout is the ping's JSON; when it fails, SLURM
    is asked."""
    resource_script_timeout_seconds: Seconds = 30
    """How long that program may run."""
    capacity_refresh_seconds: Seconds = 30
    """Age from which nodes are asked again."""
    ping_fail_after_seconds: Annotated[float, Field(ge=0, le=30 * 86400)] = 0
    """SLURM away for so long: the ping fails, the virtual node becomes NotReady and Kubernetes may
    evict its pods. 0: never."""


class Taint(_Room):
    """A taint of the virtual node (Kubernetes: core/v1 Taint)."""

    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class LoggingSettings(_Room):
    """What the plugin writes about itself."""

    verbose_logging: bool = False
    """Level DEBUG; wins over ErrorsOnlyLogging."""
    errors_only_logging: bool = False
    """Level ERROR."""


class TelemetrySettings(_Room):
    """OpenTelemetry traces."""

    enable_tracing: bool = False
    """Send traces (environment: ENABLE_TRACING=1)."""
    telemetry_endpoint: str = "localhost:4317"
    """OTLP gRPC receiver."""
    telemetry_unique_id: Annotated[str, Field(alias="TelemetryUniqueID")] = ""
    """Part of the service name `Plugin-<id>`; random when empty."""
    telemetry_ca_crt_file_path: str = ""
    """CA certificate; turns TLS on."""
    telemetry_client_crt_file_path: str = ""
    """Client certificate, required with TLS."""
    telemetry_client_key_file_path: str = ""
    """Key of the client certificate, required with TLS."""


class Settings(_Room):
    """The whole tree."""

    service: ServiceSettings = ServiceSettings()
    slurm: SlurmSettings = SlurmSettings()
    pods: PodSettings = PodSettings()
    jobs: JobSettings = JobSettings()
    logs: LogSettings = LogSettings()
    capacity: CapacitySettings = CapacitySettings()
    logging: LoggingSettings = LoggingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
