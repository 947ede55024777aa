"""sbatch: submission.

The script goes in on stdin with all options on its `#SBATCH` lines, so that argv is constant and
wrappers (`ssh login sbatch`) need no quoting.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from slurm_plugin.errors import InvalidRequest, SlurmRefused, UnexpectedAnswer
from slurm_plugin.slurm.base import JobSpec
from slurm_plugin.slurm.commands.failures import message_of, unavailable
from slurm_plugin.slurm.commands.process import Completed

# --parsable prints `id` or `id;cluster`; wrappers and site plugins may print lines around it.
_JOB_ID: Final = re.compile(r"^(\d+)(?:;\S*)?$", re.MULTILINE)
_VARIABLE: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)

# --export=NIL makes srun inside the job export nothing either, and SLURM_CONF may name a file that
# only the plugin's host has.
_UNDO: Final = (
    "unset SLURM_EXPORT_ENV",
    '[ -e "${SLURM_CONF:-/}" ] || unset SLURM_CONF',
)


def sbatch_argv(sbatch: Sequence[str]) -> list[str]:
    """Build the command line; the script goes to stdin.

    `--export=NIL` inherits nothing and, unlike `NONE`, does not make the node run a login shell
    for the user's environment. `--ignore-pbs` stops sbatch from reading options in `#PBS` and
    `#BSUB` lines, which it looks for in the first 100 lines of whatever the script holds.
    """
    return [*sbatch, "--parsable", "--export=NIL", "--ignore-pbs"]


def script_text(spec: JobSpec) -> str:
    """Put the job's environment into its script, right after the `#SBATCH` lines.

    Raises:
        InvalidRequest: a name is no variable's name, or a value holds a NUL.
    """
    head, body = _split(spec.script)
    return "\n".join([*head, *_UNDO, *_exports(spec.environment), *body])


def _split(script: str) -> tuple[list[str], list[str]]:
    # sbatch reads options up to the first line that is neither empty nor a comment.
    lines = script.split("\n")
    last = 1
    for number, line in enumerate(lines, start=1):
        if line.startswith("#SBATCH"):
            last = number
        elif line.strip() and not line.lstrip().startswith("#"):
            break
    return lines[:last], lines[last:]


def _exports(environment: Mapping[str, str]) -> list[str]:
    lines = []
    for name, value in environment.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise InvalidRequest(f"the job's environment can't hold the variable {name!r}")
        lines.append(f"export {name}={shlex.quote(value)}")
    return lines


def parse_sbatch(completed: Completed) -> int:
    """Read the id of the new job.

    Raises:
        SlurmRefused: SLURM or sbatch itself rejected the job.
        BackendUnavailable: SLURM did not answer; `outcome_unknown` when it may have the job.
        UnexpectedAnswer: success without an id.
    """
    ids = _JOB_ID.findall(completed.stdout)
    if ids:  # a job exists, whatever else went wrong (a wrapper's exit code, for one)
        return int(ids[-1])
    if completed.returncode == 0:
        raise UnexpectedAnswer(f"sbatch reported success without a job id: {message_of(completed)}")
    raise unavailable(completed, changes=True) or SlurmRefused(message_of(completed))
