"""What can be seen on the plugin's own host: data folder, limits."""

import os
import pwd
import resource
import shutil
import tempfile
from collections.abc import Iterator

from slurm_plugin.config.settings import Settings
from slurm_plugin.doctor.finding import Finding, good, problem, warning

_LEAST_FREE_MIB = 1024
_DESCRIPTORS_BESIDE = 128


def data_folder(settings: Settings) -> Iterator[Finding]:
    """Whether it can be written, has room, and lets other users' jobs in."""
    folder = settings.jobs.data_root_folder
    user = _user_name()
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield problem(
            f"the data folder {folder} can't be written as {user}: {error.strerror}",
            f"make it: install -d -o {user} -m 0711 {folder}, or set DataRootFolder; or run "
            "doctor as the service's user",
        )
        return
    yield good(f"the data folder {folder} can be written as {user}")
    free = shutil.disk_usage(folder).free >> 20
    if free < _LEAST_FREE_MIB:
        yield warning(f"the data folder has {free} MiB left", "make room, or move DataRootFolder")
    if os.geteuid() == 0 and not folder.stat().st_mode & 0o001:
        yield warning(
            "jobs of other users can't pass through the data folder", f"chmod o+x {folder}"
        )


def limits(settings: Settings) -> Iterator[Finding]:
    """Whether the process may open as many files as requests may need."""
    service = settings.service
    wanted = service.threads * 2 + service.log_followers * 3 + _DESCRIPTORS_BESIDE
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        yield warning(
            f"{allowed} open files are allowed, and {wanted} may be needed",
            "raise `ulimit -n` (LimitNOFILE= of the unit), or lower LogFollowers",
        )
    else:
        yield good(f"{wanted} open files may be needed, and that many are allowed")


def _user_name() -> str:
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
