"""The annotations that the plugin honours (contract, 3.9), read and checked."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.quoting import checked, shown, split_words

PREFIX = "slurm-job.vk.io/"
LAUNCHERS = ("mpiexec", "srun", "none")
RESTART_POLICIES = ("never", "honour")
_WSTUNNEL = "interlink.eu/wstunnel-client-commands"
_POD_IP = "interlink.eu/pod-ip"
_KNOWN = (
    "flags", "flavor", "image-root", "pre-exec", "mpi-flags", "launcher", "singularity-commands",
    "singularity-mounts", "singularity-options", "enroot-mounts", "enroot-options",
    "restart-policy",
)  # fmt: skip
_MESH_START = "cat <<'EOFMESH' > $TMPDIR/mesh.sh\n"
_MESH_END = "\nEOFMESH"


@dataclass(frozen=True, slots=True)
class Annotations:
    """What annotations ask for; empty where they ask for nothing.

    Attributes:
        pre_exec: shell text, the mesh script cut out.
        mesh_script: the client's wrapper that runs its arguments inside a network namespace.
        tunnel: shell text of the tunnel client.
        launcher: `mpiexec`, `srun` or `none`.
        restart_policy: `never` or `honour`, the config's where the pod says nothing.
        notes: unknown annotations, with suggestions.
    """

    flags: str
    flavor: str | None
    image_root: str | None
    pod_ip: str | None
    pre_exec: str
    mesh_script: str
    tunnel: str
    launcher: str
    mpi_flags: tuple[str, ...]
    commands: tuple[str, ...]
    mounts: tuple[str, ...]
    options: tuple[str, ...]
    restart_policy: str
    notes: tuple[str, ...]


def read_annotations(given: Mapping[str, str], settings: PodSettings) -> Annotations:
    """Read them for the configured runtime.

    Raises:
        InvalidRequest: a text can't be taken apart, or is shell that the operator forbids.
    """
    pre_exec, mesh = _without_mesh(_shell(given, PREFIX + "pre-exec", settings))
    runtime = "enroot" if settings.container_runtime == "enroot" else "singularity"
    spliced = settings.container_runtime != "charliecloud"
    return Annotations(
        flags=_text(given, PREFIX + "flags"),
        flavor=given.get(PREFIX + "flavor"),
        image_root=given.get(PREFIX + "image-root"),
        pod_ip=_text(given, _POD_IP) or None,
        pre_exec=pre_exec,
        mesh_script=mesh,
        tunnel=_shell(given, _WSTUNNEL, settings),
        launcher=_launcher(given, settings),
        mpi_flags=_words(given, "mpi-flags"),
        commands=_words(given, "singularity-commands") if runtime == "singularity" else (),
        mounts=_words(given, f"{runtime}-mounts") if spliced else (),
        options=_words(given, f"{runtime}-options") if spliced else (),
        restart_policy=_restart_policy(given, settings),
        notes=_unknown(given),
    )


def _text(given: Mapping[str, str], name: str) -> str:
    return checked(given.get(name) or "", f"annotation {name}")


def _words(given: Mapping[str, str], name: str) -> tuple[str, ...]:
    return split_words(_text(given, PREFIX + name), f"annotation {PREFIX}{name}")


def _shell(given: Mapping[str, str], name: str, settings: PodSettings) -> str:
    text = _text(given, name)
    if text.strip() and not settings.allow_pre_exec:
        raise InvalidRequest(f"annotation {name}: shell text is switched off here (AllowPreExec)")
    return text


def _launcher(given: Mapping[str, str], settings: PodSettings) -> str:
    name = PREFIX + "launcher"
    launcher = given.get(name)
    if launcher is None:
        return settings.launcher if given.get(PREFIX + "mpi-flags") is not None else "none"
    if launcher not in LAUNCHERS:
        raise InvalidRequest(f"annotation {name}: {shown(launcher)} is none of {LAUNCHERS}")
    return launcher


def _restart_policy(given: Mapping[str, str], settings: PodSettings) -> str:
    name = PREFIX + "restart-policy"
    policy = given.get(name, settings.restart_policy)
    if policy not in RESTART_POLICIES:
        raise InvalidRequest(f"annotation {name}: {shown(policy)} is none of {RESTART_POLICIES}")
    return policy


def _without_mesh(text: str) -> tuple[str, str]:
    """Cut the client's mesh heredoc out of pre-exec; it may stand there twice (contract, 3.10)."""
    mesh = ""
    while _MESH_START in text:
        before, _, rest = text.partition(_MESH_START)
        script, end, after = rest.partition(_MESH_END)
        if not end:
            raise InvalidRequest(f"annotation {PREFIX}pre-exec: the mesh script does not end")
        text, mesh = before + after, script + "\n"
    return text, mesh


def _unknown(given: Mapping[str, str]) -> tuple[str, ...]:
    notes = []
    for name in sorted(given):
        short = name.removeprefix(PREFIX)
        if short == name or short in _KNOWN:
            continue
        close = difflib.get_close_matches(short, _KNOWN, 1)
        hint = f"; did you mean {PREFIX}{close[0]}?" if close else ""
        notes.append(f"annotation {shown(name)} means nothing to this plugin{hint}")
    return tuple(notes)
