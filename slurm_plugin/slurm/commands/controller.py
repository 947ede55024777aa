"""scontrol: whether slurmctld answers, and which release this is."""

import re
from collections.abc import Sequence
from typing import Final

from slurm_plugin.errors import BackendUnavailable
from slurm_plugin.slurm.commands.failures import message_of
from slurm_plugin.slurm.commands.process import Completed

_UP: Final = re.compile(r"Slurmctld\(\S*\) at .* (?:is|are) UP", re.IGNORECASE)
_RELEASE: Final = re.compile(r"slurm(?:-wlm)? (\d+\.\d+\S*)")


def ping_argv(scontrol: Sequence[str]) -> list[str]:
    """Build the ping of all controllers."""
    return [*scontrol, "ping"]


def check_ping(completed: Completed) -> None:
    """Make sure that one controller is up.

    Raises:
        BackendUnavailable: none is.
    """
    if not _UP.search(completed.stdout):
        said = " ".join(completed.stdout.split()) or message_of(completed)
        raise BackendUnavailable(f"no slurmctld answers: {said}")


def release_argv(scontrol: Sequence[str]) -> list[str]:
    """Build the question for the commands' own release."""
    return [*scontrol, "--version"]


def parse_release(completed: Completed) -> str:
    """`26.05.5` of `slurm 26.05.5`; empty when it can't be told."""
    match = _RELEASE.search(completed.stdout)
    return match[1] if match else ""
