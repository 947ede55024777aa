"""Names of the files in a pod's directory, `<DataRootFolder>/<namespace>-<uid>/`.

Shared by the three who meet there: the batch script writes container files on the compute node,
the plugin reads them for status, the log reader for logs. Names that the Go plugin has are kept.

A container's state file (`run-<name>.state`, `init-<name>.state` for init and sidecar containers)
is written whole (temporary name, then rename) by the batch script at every change, one
`key=value` a line, absent while it has not happened:

| key | value |
|---|---|
| `job` | SLURM job id of the run that wrote the file |
| `requeue` | SLURM_RESTART_COUNT of that run (0 before the first requeue) |
| `restarts` | times the container was started again within this run |
| `started` | epoch seconds of its current (or last) start |
| `ready` | `1` ready, `0` not; absent counts as ready once started |
| `finished` | epoch seconds of its end; while absent the container runs or waits |
| `exit` | exit code 0-255 as the shell reports it (128 + signal for signals) |
| `signal` | number of the signal that ended it |
| `reason` | `Completed`, `Error`, `ErrImagePull`, `ContainerCannotRun`, ... |
| `message` | one line for people, e.g. the last probe failure or why it never started |

`pod.state` has the keys `job`, `requeue`, `node` (host name), `started`, `stopped` (SLURM or a
delete sent TERM), `finished`, `exit` of the batch script itself. State files of an earlier requeue
are told by `requeue` and `job`.

`run-<name>.index` grows while a container writes: one `<bytes> <epoch seconds>` a line says that
the log had that many bytes at that time; log timestamps come from it.
"""

RECORD = "record.json"
SCRIPT = "job.slurm"
JOB_OUTPUT = "job.out"
POD_STATE = "pod.state"

# The Go plugin's one-value files, read when a directory has no record of ours.
GO_JOB_ID = "JobID.jid"
GO_POD_UID = "PodUID.uid"
GO_NAMESPACE = "PodNamespace.ns"
GO_STARTED = "StartedAt.time"
GO_FINISHED = "FinishedAt.time"


def directory_name(namespace: str, uid: str) -> str:
    """Name of a pod's directory below the data folder."""
    return f"{namespace}-{uid}"


def _stem(container: str, *, init: bool) -> str:
    return f"{'init' if init else 'run'}-{container}"


def log_file(container: str, *, init: bool) -> str:
    """Stdout and stderr of a container, together."""
    return _stem(container, init=init) + ".out"


def previous_log_file(container: str, *, init: bool) -> str:
    """Log of the run before the current one (restart or requeue)."""
    return _stem(container, init=init) + ".previous.out"


def log_index_file(container: str, *, init: bool) -> str:
    """Sizes of the log file over time."""
    return _stem(container, init=init) + ".index"


def state_file(container: str, *, init: bool) -> str:
    """State of a container, see the module docstring."""
    return _stem(container, init=init) + ".state"


def exit_status_file(container: str, *, init: bool) -> str:
    """The Go plugin's file: exit code and newline, written when the container ended."""
    return _stem(container, init=init) + ".status"


def environment_file(container: str) -> str:
    """Environment of a container, owner-only (the Go plugin's name)."""
    return f"{container}_envfile.properties"
