"""What a container runtime is to the plugin: one small file that makes argument lists.

Nothing here knows the shell: words are plain text and quoted by the caller. The bash functions
that are named here stand in `shell/launch.bash`.
"""

from dataclasses import dataclass
from typing import Protocol

from slurm_plugin.pods.images import Image


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of the node, mounted into the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """A container as a runtime sees it.

    Attributes:
        instance: name that is unique on the node.
        field: path of the container in the request, for messages.
        command: the pod's command; empty for the image's own entrypoint.
        mounts: parents before children.
        extra_mounts: words of the mounts annotation.
        extra_options: words of the options annotation.
        commands: words put before the runtime itself.
        gpus: Kubernetes resource names of the GPUs that the pod asks for.
    """

    instance: str
    field: str
    image: Image
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    mounts: tuple[Mount, ...] = ()
    extra_mounts: tuple[str, ...] = ()
    extra_options: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    gpus: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Argv:
    """An argument list in two parts: options known only on the node stand between them."""

    before: tuple[str, ...]
    after: tuple[str, ...]


class Runtime(Protocol):
    """A container runtime.

    Attributes:
        environment_loader: bash function that reads an environment file and makes the variables
            known to the runtime; it may set the array `sp_options` to words for the middle of
            the argument list.
        left_out: names of variables that this runtime can't pass.
    """

    environment_loader: str
    left_out: frozenset[str]

    def run(self, launch: Launch) -> Argv:
        """Start the container.

        Raises:
            InvalidRequest: this runtime can't do what the pod asks for.
        """

    def enter(self, launch: Launch) -> Argv:
        """Run a command, added at the end, in the same image, mounts and environment."""

    def prepare(self, launch: Launch) -> tuple[str, ...]:
        """Words of a bash function and its arguments that get the image; empty for none."""
