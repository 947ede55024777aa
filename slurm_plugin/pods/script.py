"""The body of the batch script: data about the pod, then the fixed bash library."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods import layout, lifecycle, probes
from slurm_plugin.pods.bash import library_text
from slurm_plugin.pods.before import before_containers, mesh_lines
from slurm_plugin.pods.files import JOB_SCRIPT, PlannedFile
from slurm_plugin.pods.launches import ContainerLaunch, PodContext
from slurm_plugin.pods.quantities import site_memory_mib
from slurm_plugin.pods.quoting import checked, quote, quoted_words
from slurm_plugin.pods.runtimes import Argv, launch_text, runtime_of
from slurm_plugin.pods.volumes import NodeVolume

# Words of the pod are meant literally, functions are called by names that are put together, and
# parts share variables.
_LINTER_LINE = "# shellcheck disable=SC2016,SC2034,SC2154,SC2317"
_UNPACK_END = "sp_end_of_file"


@dataclass(frozen=True, slots=True)
class ScriptParts:
    """Everything that the body is made from."""

    context: PodContext
    launches: Sequence[ContainerLaunch]
    volumes: Mapping[str, NodeVolume]
    files: Sequence[PlannedFile]
    directories: Sequence[str]
    shared_fs: bool
    grace_seconds: int
    job_script: bool
    notes: Sequence[str]
    run_as_uid: int | None = None


def script_body(parts: ScriptParts) -> str:
    """The batch script without its first line and `#SBATCH` lines.

    Raises:
        InvalidRequest: it is larger than SLURM takes, or a probe or hook is wrong.
    """
    lines = [
        _LINTER_LINE,
        *_data(parts),
        *_unpack(parts),
        *before_containers(parts.context, parts.notes, parts.run_as_uid),
        *_after_containers(parts),
    ]
    for one in parts.launches:
        lines += _container(one, parts)
    lines += [launch_text(), library_text(), *mesh_lines(parts.context), 'sp_main "$@"', ""]
    body = "\n".join(lines)
    limit = parts.context.settings.max_script_bytes
    size = len(checked(body, "spec").encode())
    if size > limit:
        raise InvalidRequest(
            f"spec.volumes: the batch script would have {size} bytes with all files inside, "
            f"SLURM takes {limit} (max_script_size)"
        )
    return body


def _data(parts: ScriptParts) -> Iterator[str]:
    context = parts.context
    names = [one.placed.name for one in parts.launches]
    yield f"sp_directory={quote(context.directory, 'DataRootFolder')}"
    yield f"sp_grace_seconds={parts.grace_seconds}"
    yield f"sp_restart_policy={_restart_policy(context)}"
    yield f"sp_max_log_bytes={_max_log_bytes(context.settings)}"
    yield f"sp_names=({quoted_words(names, 'names')})"
    yield f"sp_kinds=({' '.join(one.placed.kind for one in parts.launches)})"


def _max_log_bytes(settings: PodSettings) -> int:
    text = settings.max_log_size
    return site_memory_mib(text, "MaxLogSize") << 20 if text else 0


def _restart_policy(context: PodContext) -> str:
    if context.annotations.restart_policy == "never":
        return "Never"
    policy = context.spec.restart_policy or "Always"
    if policy not in ("Always", "OnFailure", "Never"):
        raise InvalidRequest("spec.restartPolicy: must be Always, OnFailure or Never")
    return policy


def _function(name: str, commands: Sequence[str]) -> list[str]:
    return [f"{name}() {{", *(commands or [":"]), "}"]


def _unpack(parts: ScriptParts) -> list[str]:
    commands = [] if parts.shared_fs else _inline_files(parts)
    for volume in parts.volumes.values():
        if volume.host_type is not None:
            words = (volume.host_type, volume.source, volume.field)
            commands.append(f"sp_node_path {quoted_words(words, volume.field)} || return")
        elif volume.memory:
            commands.append(f"sp_memory_directory {quote(volume.source, volume.field)} || return")
    for one in parts.launches:
        if one.made:
            commands.append(f"mkdir -p -- {quoted_words(one.made, one.placed.field)} || return")
    return _function("sp_unpack", commands)


def _inline_files(parts: ScriptParts) -> list[str]:
    """Directories and files as commands; read-only files of an earlier run are replaced."""
    places = [".", *parts.directories]
    commands = [
        "umask 077",
        'mkdir -p -- "$sp_directory" || return',
        f'(cd -- "$sp_directory" && mkdir -p -- {quoted_words(places, "path")}) || return',
    ]
    for file in parts.files:
        path = f'"$sp_directory"/{quote(file.path, "path")}'
        commands += [
            f"rm -f -- {path} || return",
            f"base64 -d >{path} <<'{_UNPACK_END}' || return",
            *base64.encodebytes(file.content).decode().splitlines(),
            _UNPACK_END,
            f"chmod {file.mode:04o} -- {path} || return",
        ]
    return commands


def _after_containers(parts: ScriptParts) -> list[str]:
    """What the job leaves on the node outside its directory goes with it."""
    memory = [volume.source for volume in parts.volumes.values() if volume.memory]
    commands = [f"rm -rf -- {quoted_words(memory, 'spec.volumes')}"] if memory else []
    if parts.context.settings.tsocks:
        commands.append('[[ -z ${sp_tsocks_pid:-} ]] || kill "$sp_tsocks_pid"')
    return _function("sp_after_containers", commands)


def _container(one: ContainerLaunch, parts: ScriptParts) -> list[str]:
    index, container, field = one.placed.index, one.placed.container, one.placed.field
    lines = _job_script_lines(one, parts) if parts.job_script else _runtime_lines(one, parts)
    if parts.context.settings.enable_probes:
        lines += probes.declarations(index, container, field=field)
    return lines + lifecycle.declarations(index, container, field=field)


def _runtime_lines(one: ContainerLaunch, parts: ScriptParts) -> list[str]:
    context = parts.context
    runtime = runtime_of(context.settings)
    index, field = one.placed.index, one.placed.field
    environment_file = f"{context.directory}/{layout.environment_file(one.placed.name)}"
    run = runtime.run(one.launch)
    program = run.before[len(one.launch.commands)]
    load = f"{runtime.environment_loader} {quoted_words((program, environment_file), field)}"
    prepare = runtime.prepare(one.launch)
    lines = _function(f"sp_prepare_{index}", [quoted_words(prepare, field)]) if prepare else []
    command = [load, f"exec {_spliced(run, field)}"]
    launcher = _launcher(one, context)
    if launcher:
        lines += _function(f"sp_task_{index}", command)
        functions = f"sp_export_job_environment sp_export_harmless {runtime.environment_loader}"
        task = f'"$(declare -f {functions} sp_task_{index}); sp_task_{index}"'
        bash = quote(context.settings.bash_path, "BashPath")
        command = [load, f"exec {launcher} {bash} -c {task}"]
    lines += _function(f"sp_run_{index}", command)
    enter = _spliced(runtime.enter(one.launch), field)
    return lines + _function(f"sp_enter_{index}", [load, f'exec {enter} "$@"'])


def _spliced(argv: Argv, field: str) -> str:
    options = '${sp_options[@]+"${sp_options[@]}"}'
    return (
        f"{quoted_words(argv.before, field)} {options} {quoted_words(argv.after, field)}".rstrip()
    )


def _launcher(one: ContainerLaunch, context: PodContext) -> str:
    """Words that start the tasks of an app container; empty for none."""
    kind = context.annotations.launcher
    if kind == "none" or one.placed.kind != "app":
        return ""
    flags = quoted_words(context.annotations.mpi_flags, "annotation slurm-job.vk.io/mpi-flags")
    words = 'mpiexec -np "${SLURM_NTASKS:-1}"' if kind == "mpiexec" else "srun --export=ALL"
    return f"{words} {flags}".rstrip()


def _job_script_lines(one: ContainerLaunch, parts: ScriptParts) -> list[str]:
    """The client's script runs as the first app container; the others end with it.

    Their exit codes are what it left in their status files (contract, 3.8), else its own.
    """
    index = one.placed.index
    first = next(other.placed for other in parts.launches if other.placed.kind == "app")
    if one.placed.kind != "app":
        return _function(f"sp_run_{index}", ["exit 0"])
    if one.placed is first:
        commands = ['cd -- "$sp_directory" || exit', f'exec "$sp_directory"/{JOB_SCRIPT}']
        return _function(f"sp_run_{index}", commands)
    own = f'"$sp_directory"/{layout.exit_status_file(one.placed.name, init=False)}'
    firsts = f'"$sp_directory"/{layout.exit_status_file(first.name, init=False)}'
    commands = [
        "local code=1",
        f"until [[ -s {own} || -s {firsts} ]]; do sleep 1; done",
        f"[[ ! -s {firsts} ]] || IFS= read -r code <{firsts}",
        f"[[ ! -s {own} ]] || IFS= read -r code <{own}",
        'exit "$code"',
    ]
    return _function(f"sp_run_{index}", commands)
