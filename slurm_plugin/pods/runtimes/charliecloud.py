"""Charliecloud: unpacked image directories, or names in `ch-image`'s storage."""

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.runtimes.base import Argv, Launch


class Charliecloud:
    """`ch-run <options> --bind SRC:DST IMAGE -- COMMAND ARGS`.

    Mount points must exist in the image (ch-run(1), --bind) and can't be read-only; it knows no
    entrypoint.
    """

    environment_loader = "sp_environment_charliecloud"
    left_out = frozenset[str]()

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings

    def run(self, launch: Launch) -> Argv:
        """Command and arguments; the image says nothing."""
        words = (*launch.command, *launch.args)
        if not words:
            raise InvalidRequest(f"{launch.field}.command: Charliecloud needs one")
        return Argv(self._options(launch), (launch.image.source, "--", *words))

    def enter(self, launch: Launch) -> Argv:
        """A second container with the same options."""
        return Argv(self._options(launch), (launch.image.source, "--"))

    def prepare(self, launch: Launch) -> tuple[str, ...]:
        """Nothing: images are unpacked beforehand."""
        if launch.image.pulled:
            raise InvalidRequest(
                f"{launch.field}.image: Charliecloud runs unpacked images only; name a directory"
            )
        return ()

    def _options(self, launch: Launch) -> tuple[str, ...]:
        words = [self._settings.charliecloud_path, *self._settings.charliecloud_default_options]
        words += [f"--bind={mount.source}:{mount.target}" for mount in launch.mounts]
        if launch.working_dir:
            words.append(f"--cd={launch.working_dir}")
        return tuple(words)
