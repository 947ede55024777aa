"""postStart and preStop of a container as data for the bash library (`slurm_plugin.pods.bash`)."""

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.manifest import Container, Handler
from slurm_plugin.pods.probes import handler_command


def declarations(index: int, container: Container, *, field: str) -> list[str]:
    """Lines of bash that declare a container's hooks; empty when it has none.

    Args:
        index: the container's place in the script's `sp_names`.
        container: the container of the spec.
        field: the container's path for messages, e.g. `spec.containers[0]`.

    Raises:
        InvalidRequest: a field is wrong; the message names it.
    """
    lifecycle = container.lifecycle
    if lifecycle is None:
        return []
    hooks = (
        ("postStart", "post_start", lifecycle.post_start),
        ("preStop", "pre_stop", lifecycle.pre_stop),
    )
    return [
        f"sp_{function}_{index}() {{ {_command(index, container, handler, path)}; }}"
        for name, function, handler in hooks
        if handler is not None
        for path in [f"{field}.lifecycle.{name}"]
    ]


def _command(index: int, container: Container, handler: Handler, field: str) -> str:
    command = handler_command(index, container, handler, field)
    if handler.sleep is None:
        if command is None:
            raise InvalidRequest(f"{field}: name one of exec, httpGet, sleep and tcpSocket")
        return command
    if command is not None:
        raise InvalidRequest(f"{field}: name only one action, not 2")
    if handler.sleep.seconds < 0:
        raise InvalidRequest(f"{field}.sleep.seconds: {handler.sleep.seconds} is negative")
    return f"sleep {handler.sleep.seconds}"
