"""Enroot: a container is made from a squashfs image, then started by its name."""

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.images import Image
from slurm_plugin.pods.runtimes.base import Argv, Launch, Mount


class Enroot:
    """`<path> start <options> --env NAME --mount ... NAME COMMAND ARGS`."""

    environment_loader = "sp_environment_enroot"
    # Enroot is itself a bash script that the variables pass through: these would steer it.
    left_out = frozenset({"PATH", "HOME", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS"})

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings

    def run(self, launch: Launch) -> Argv:
        """The image's own start script gets command and arguments."""
        if launch.working_dir:
            raise InvalidRequest(f"{launch.field}.workingDir: Enroot can't set it; use cd")
        return Argv(self._options(launch), (launch.instance, *launch.command, *launch.args))

    def enter(self, launch: Launch) -> Argv:
        """A second start in the same root file system."""
        return Argv(self._options(launch), (launch.instance,))

    def prepare(self, launch: Launch) -> tuple[str, ...]:
        """Import, then create; a squashfs file named by its path is only created."""
        image = launch.image
        path = self._settings.enroot_path
        if not image.pulled:
            return ("sp_enroot_create", path, launch.instance, image.name)
        uri = _enroot_uri(image)
        if image.cached is None:
            return ("sp_enroot_import", path, launch.instance, uri)
        return ("sp_enroot_cached", image.policy, image.cached, uri, path, launch.instance)

    def _options(self, launch: Launch) -> tuple[str, ...]:
        words = [self._settings.enroot_path, "start", *self._settings.enroot_default_options]
        words += [*launch.extra_mounts, *launch.extra_options]
        for mount in launch.mounts:
            words += ["--mount", _mount(mount)]
        return tuple(words)


def _mount(mount: Mount) -> str:
    """Enroot's fstab form; it makes missing mount points itself (x-create)."""
    return (
        f"{mount.source}:{mount.target}:none:x-create=auto,bind,{'ro' if mount.read_only else 'rw'}"
    )


def _enroot_uri(image: Image) -> str:
    """Enroot wants `docker://REGISTRY#IMAGE` where a registry is named."""
    scheme, _, rest = image.name.partition("://")
    host, slash, path = rest.partition("/")
    if slash and "#" not in rest and ("." in host or ":" in host or host == "localhost"):
        return f"{scheme}://{host}#{path}"
    return image.name
