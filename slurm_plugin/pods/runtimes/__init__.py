"""Container runtimes: one small file each, chosen by `ContainerRuntime`."""

from collections.abc import Callable
from importlib import resources

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.pods.runtimes.base import Argv, Launch, Mount, Runtime
from slurm_plugin.pods.runtimes.charliecloud import Charliecloud
from slurm_plugin.pods.runtimes.enroot import Enroot
from slurm_plugin.pods.runtimes.singularity import Singularity

__all__ = ["Argv", "Launch", "Mount", "Runtime", "launch_text", "runtime_of"]

_LINTER_LINE = "# shellcheck shell=bash disable=SC2034,SC2154\n"


def runtime_of(settings: PodSettings) -> Runtime:
    """The configured runtime."""
    kinds: dict[str, Callable[[PodSettings], Runtime]] = {
        "singularity": Singularity,
        "enroot": Enroot,
        "charliecloud": Charliecloud,
    }
    return kinds[settings.container_runtime](settings)


def launch_text() -> str:
    """The bash functions that runtimes and plans call."""
    path = resources.files(__name__).joinpath("shell/launch.bash")
    return path.read_text(encoding="utf-8").removeprefix(_LINTER_LINE)
