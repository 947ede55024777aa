"""What runs in the batch script before the containers, in the Go plugin's order."""

from collections.abc import Sequence

from slurm_plugin.pods.files import MESH_SCRIPT
from slurm_plugin.pods.launches import PodContext
from slurm_plugin.pods.quoting import quote, quoted_words


def before_containers(
    context: PodContext, notes: Sequence[str], run_as_uid: int | None
) -> list[str]:
    """Lines of the function `sp_before_containers`.

    The order: notes, Tsocks, POD_IP, CommandPrefix, tunnel client, pre-exec. Shell text of the
    operator and of the pod's annotations is shell by contract (`AllowPreExec` decides about the
    latter before it gets here); `eval` keeps a syntax error in it from breaking the script.
    """
    settings, annotations = context.settings, context.annotations
    directory = quote(context.directory, "DataRootFolder")
    lines = [f"export workingPath={directory} SANDBOX={directory}"]
    lines += [f"printf '%s\\n' {quote('note: ' + note, 'notes')}" for note in notes]
    if run_as_uid is not None:
        # A plugin that isn't root runs every pod as itself; only the job knows.
        words = f"note: the pod asks for user {run_as_uid}, its job runs as"
        lines.append(
            f"((EUID == {run_as_uid})) || printf '%s %s\\n' {quote(words, 'notes')} \"$EUID\""
        )
    if settings.tsocks:
        proxy = (settings.tsocks_path, settings.tsocks_login_node)
        lines.append(f"sp_tsocks {quoted_words(proxy, 'Tsocks')}")
    if settings.registry_auth_file:
        file = quote(settings.registry_auth_file, "RegistryAuthFile")
        lines.append(f"export APPTAINER_AUTH_FILE={file} REGISTRY_AUTH_FILE={file}")
    if annotations.pod_ip:
        lines.append(f"export POD_IP={quote(annotations.pod_ip, 'annotation interlink.eu/pod-ip')}")
    for text in (settings.command_prefix, annotations.tunnel, annotations.pre_exec):
        if text.strip():
            lines.append(f"eval {quote(text, 'shell text')}")
    return ["sp_before_containers() {", *lines, "}"]


def mesh_lines(context: PodContext) -> list[str]:
    """Lines before the start that move the whole script into the client's network namespace."""
    if not context.annotations.mesh_script:
        return []
    return [
        "sp_unpack || exit",
        f'sp_enter_mesh "$sp_directory"/{MESH_SCRIPT}',
        'printf \'%s\\n\' "$$" >"$SP_IN_MESH"',
    ]
