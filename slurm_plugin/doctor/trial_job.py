"""A tiny job that looks at a compute node, and tells by its exit code what it saw.

By the exit code, since without a shared data folder nothing else comes back.
"""

import os
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from slurm_plugin.config.settings import PodSettings, Settings
from slurm_plugin.doctor.finding import Finding, good, problem, warning
from slurm_plugin.errors import SlurmPluginError
from slurm_plugin.slurm import options
from slurm_plugin.slurm.base import Backend, JobInfo, JobSpec
from slurm_plugin.slurm.commands.directives import script_directives
from slurm_plugin.slurm.states import JobState

_NAME: Final = "slurm-plugin-doctor"
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Beside the usual exit codes, so that a script that never got so far is not misread.
_BASE: Final = 40
_NO_RUNTIME: Final = 1
_NO_FOLDER: Final = 2
_POLL_SECONDS: Final = 1.0
# States and logs carry the times of the nodes and of the controller.
_MOST_SECONDS_APART: Final = 5


def trial(
    backend: Backend,
    settings: Settings,
    flags: str,
    wait: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Finding]:
    """Submit the job, wait for it, and say what it saw.

    Args:
        backend: SLURM.
        settings: the plugin's settings.
        flags: sbatch options, e.g. `-p debug`.
        wait: seconds until it is given up and cancelled.
        sleep: waits between two looks.
    """
    if os.geteuid() == 0 and settings.pods.default_uid is None:
        yield warning(
            "no trial job, since it would run as root",
            "run doctor as the service's user, or set DefaultUID",
        )
        return
    try:
        with tempfile.TemporaryDirectory(
            dir=settings.jobs.data_root_folder, prefix=".doctor-"
        ) as name:
            yield from _in_directory(
                backend, settings, flags, wait, sleep=sleep, directory=Path(name).absolute()
            )
    except OSError as error:
        yield problem(f"no trial job: {error.strerror}", "see the data folder above")


def _in_directory(
    backend: Backend,
    settings: Settings,
    flags: str,
    wait: float,
    *,
    sleep: Callable[[float], None],
    directory: Path,
) -> Iterator[Finding]:
    if settings.pods.default_uid is not None and os.geteuid() == 0:
        os.chown(directory, settings.pods.default_uid, -1)
    asked = time.time()
    try:
        job_id = backend.submit(_spec(settings, flags, directory))
    except SlurmPluginError as error:
        yield problem(
            f"the trial job was not accepted: {error}",
            "give doctor what pods here need, e.g. --flags '--partition=debug --account=x'; put "
            "it into DefaultFlavor for all pods",
        )
        return
    job = _ended(backend, job_id, wait, sleep)
    if job is None or not job.state.is_terminal:
        reason = f"{job.state.value} {job.reason}".strip() if job else "unknown to SLURM"
        yield warning(
            f"the trial job {job_id} did not end within {wait:g} s: {reason}",
            "wait longer (--wait), or name an idle partition (--flags)",
        )
        _cancel(backend, job_id)
        return
    yield from _judged(job, settings, directory)
    yield from _clocks(job, directory, asked)


def _spec(settings: Settings, flags: str, directory: Path) -> JobSpec:
    pods = settings.pods
    uid = pods.default_uid if os.geteuid() == 0 else None
    flavor = pods.flavors.get(pods.default_flavor)
    merged = options.merge(
        [options.SbatchOption("time", "5")],
        options.parse_words(flavor.slurm_flags if flavor else ()),
        options.parse_text(flags),
    )
    spec = JobSpec(
        name=_NAME,
        comment=_NAME,
        script="",
        output="/dev/null",
        work_dir="/",
        options=merged,
        environment={"PATH": _PATH, "LANG": "C.UTF-8", **pods.job_environment},
        uid=uid,
        gid=directory.stat().st_gid if uid is not None else None,
    )
    lines = [f"#!{pods.bash_path}", *script_directives(spec), *_script(pods, directory), ""]
    return JobSpec(**{**_fields(spec), "script": "\n".join(lines)})  # type: ignore[arg-type]


def _fields(spec: JobSpec) -> dict[str, object]:
    return {name: getattr(spec, name) for name in JobSpec.__slots__}


def _script(pods: PodSettings, directory: Path) -> list[str]:
    seen = shlex.quote(str(directory / "seen"))
    return [
        pods.command_prefix,
        f"code={_BASE}",
        f"command -v {shlex.quote(_runtime(pods))} >/dev/null || code=$((code + {_NO_RUNTIME}))",
        f"date +%s 2>/dev/null >{seen} || code=$((code + {_NO_FOLDER}))",
        "exit $code",
    ]


def _runtime(pods: PodSettings) -> str:
    return {
        "singularity": pods.singularity_path,
        "enroot": pods.enroot_path,
        "charliecloud": pods.charliecloud_path,
    }[pods.container_runtime]


def _ended(
    backend: Backend, job_id: int, wait: float, sleep: Callable[[float], None]
) -> JobInfo | None:
    """The job when it has ended, or as it was when the time was over."""
    deadline = time.monotonic() + wait
    job: JobInfo | None = None
    while time.monotonic() < deadline:
        try:
            job = backend.lookup(job_id) or job
        except SlurmPluginError:
            continue  # asked again until the time is over
        finally:
            sleep(_POLL_SECONDS)
        if job is not None and job.state.is_terminal:
            break
    return job


def _cancel(backend: Backend, job_id: int) -> None:
    try:
        backend.cancel([job_id])
    except SlurmPluginError:
        return  # it ends by its own time limit


def _judged(job: JobInfo, settings: Settings, directory: Path) -> Iterator[Finding]:
    seen = job.exit_code - _BASE
    if job.state not in (JobState.FAILED, JobState.COMPLETED) or not 0 <= seen <= (
        _NO_RUNTIME | _NO_FOLDER
    ):
        yield problem(
            f"the trial job {job.job_id} ended on {job.nodes or 'no node'} with "
            f"{job.state.value}, exit code {job.exit_code}",
            "look at BashPath and CommandPrefix, and at the node's slurmd log",
        )
        return
    runtime = _runtime(settings.pods)
    if seen & _NO_RUNTIME:
        yield problem(
            f"{job.nodes} has no {runtime}",
            "install it on the compute nodes, name its path (SingularityPath, EnrootPath, "
            "CharliecloudPath), or load it (CommandPrefix: module load apptainer)",
        )
    else:
        yield good(f"{job.nodes} has {runtime}")
    yield _folder(job, settings, is_seen=not seen & _NO_FOLDER, folder=directory.parent)


def _folder(job: JobInfo, settings: Settings, *, is_seen: bool, folder: Path) -> Finding:
    if is_seen and settings.jobs.shared_fs:
        return good(f"{job.nodes} writes into {folder}")
    if is_seen:
        return warning(
            f"{job.nodes} writes into {folder}, and SharedFS is false",
            "if all nodes share it, set `SharedFS: true`: volumes then need not travel in scripts",
        )
    if settings.jobs.shared_fs:
        return problem(
            f"SharedFS is true, but {job.nodes} can't write into {folder}",
            "mount it on the compute nodes for this user, or set `SharedFS: false`",
        )
    return warning(
        f"{job.nodes} can't write into {folder}: states and logs stay on the node",
        "move DataRootFolder to a file system that the nodes share",
    )


def _clocks(job: JobInfo, directory: Path, asked: float) -> Iterator[Finding]:
    remedy = "run chrony or ntpd everywhere: times in states and logs come from there"
    if job.submit_time is not None:
        apart = abs(job.submit_time - asked)
        if apart > _MOST_SECONDS_APART:
            yield warning(f"the controller's clock is {apart:.0f} s apart from this host's", remedy)
        else:
            yield good("the controller's clock agrees with this host's")
    node = _time_of_node(directory / "seen")
    if node is not None and job.start_time is not None:
        apart = abs(node - job.start_time)
        if apart > _MOST_SECONDS_APART:
            yield warning(f"the clock of {job.nodes} is {apart:.0f} s apart", remedy)


def _time_of_node(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
