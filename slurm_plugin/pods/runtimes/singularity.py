"""Singularity and Apptainer."""

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.pods.runtimes.base import Argv, Launch, Mount


class Singularity:
    """`<path> exec|run <options> --bind ... IMAGE COMMAND ARGS`, as the Go plugin runs it."""

    environment_loader = "sp_environment_singularity"
    # Apptainer sets it itself and warns about every attempt to set another.
    left_out = frozenset({"HOME"})

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings

    def run(self, launch: Launch) -> Argv:
        """`exec` with a command, else `run`, which starts the image's entrypoint."""
        verb = "exec" if launch.command else "run"
        words = (launch.image.source, *launch.command, *launch.args)
        return Argv(self._options(launch, verb), words)

    def enter(self, launch: Launch) -> Argv:
        """A second container with the same options."""
        return Argv(self._options(launch, "exec"), (launch.image.source,))

    def prepare(self, launch: Launch) -> tuple[str, ...]:
        """Pull into the cache; without one the runtime pulls by itself."""
        image = launch.image
        if image.cached is None:
            return ()
        pull = (self._settings.singularity_path, "pull", "--force")
        return ("sp_cached_image", image.policy, image.cached, image.name, *pull)

    def _options(self, launch: Launch, verb: str) -> tuple[str, ...]:
        defaults = self._settings.singularity_default_options
        # Its INFO lines would stand in the container's log.
        program = (self._settings.singularity_path, "--quiet")
        words = [*launch.commands, *program, verb, *defaults]
        words += [option for option in _gpu_options(launch.gpus) if option not in defaults]
        words += [*launch.extra_mounts, *launch.extra_options]
        for mount in launch.mounts:
            words += ["--bind", _bind(mount)]
        if launch.working_dir:
            words += ["--pwd", launch.working_dir]
        return tuple(words)


def _gpu_options(gpus: frozenset[str]) -> list[str]:
    vendors = {name.partition(".")[0] for name in gpus}
    return [
        option for vendor, option in (("nvidia", "--nv"), ("amd", "--rocm")) if vendor in vendors
    ]


def _bind(mount: Mount) -> str:
    return f"{mount.source}:{mount.target}:{'ro' if mount.read_only else 'rw'}"
