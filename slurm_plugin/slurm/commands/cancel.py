"""scancel: cancelling and signalling."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from slurm_plugin.errors import SlurmRefused
from slurm_plugin.slurm.commands.failures import failure, message_of, unavailable
from slurm_plugin.slurm.commands.process import Completed

# The job is over, or was never there: nothing is left to cancel (slurm_errno.c). scancel reports
# each job on a line of its own.
_GONE: Final = re.compile(
    r"Invalid job id|Job/step already complet|Job is no longer|not active|does not exist|"
    r"not running|No active jobs",
    re.IGNORECASE,
)
_DENIED: Final = re.compile(r"permission denied", re.IGNORECASE)


def scancel_argv(scancel: Sequence[str], job_ids: Collection[int]) -> list[str]:
    """Build the command line that cancels jobs in whatever state they are."""
    return [*scancel, *_words(job_ids)]


def signal_argv(scancel: Sequence[str], job_ids: Collection[int], signal: int) -> list[str]:
    """Build the command line that signals the batch scripts of running jobs.

    `--state=RUNNING` leaves pending jobs alone, which would otherwise be cancelled by a SIGKILL.
    """
    return [*scancel, "--batch", "--state=RUNNING", f"--signal={signal}", *_words(job_ids)]


def _words(job_ids: Collection[int]) -> list[str]:
    return [str(job_id) for job_id in sorted(job_ids)]


def check_scancel(completed: Completed) -> None:
    """Make sure that all jobs were told.

    Raises:
        SlurmRefused: the plugin may not cancel one of them; the others were told.
        BackendUnavailable: SLURM did not answer; some may have been told.
        UnexpectedAnswer: another failure.
    """
    if completed.returncode == 0:
        return
    away = unavailable(completed, changes=True)
    if away:
        raise away
    complaints = [line for line in completed.stderr.splitlines() if line.strip()]
    serious = [line for line in complaints if not _GONE.search(line)]
    if any(_DENIED.search(line) for line in serious):
        raise SlurmRefused(message_of(completed))
    if serious or not complaints:
        raise failure(completed)
