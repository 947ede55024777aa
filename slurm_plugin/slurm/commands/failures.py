"""What a failed command says: SLURM's refusal, or SLURM away.

Texts are those of src/common/slurm_errno.c and of the connection code, 22.05 to 26.05. What is
recognised as neither is a refusal for sbatch's own errors, else an unexpected answer.
"""

import re
from typing import Final

from slurm_plugin.errors import BackendUnavailable, SlurmPluginError, UnexpectedAnswer
from slurm_plugin.slurm.commands.process import Completed

_MESSAGE_LIMIT: Final = 500

# Lost after the request was sent: the controller may have acted on it.
_ANSWER_LOST: Final = re.compile(
    r"Socket timed out|Zero Bytes were transmitted|Connection reset|Broken pipe|"
    r"Insane message length|Unexpected message received|closed by remote host",
    re.IGNORECASE,
)
_AWAY: Final = re.compile(
    r"Unable to contact slurm|Connection refused|Connection timed out|No route to host|"
    r"Unable to connect|Unable to establish|persistent conn|standby mode|backup controller|"
    r"temporarily unable to accept|Resource temporarily unavailable|job queue full|"
    r"rate limit|Munge|authentication (?:error|credential)|auth_g_|"
    r"configuration source|slurm\.conf|Unable to process configuration|"
    r"Unable to initialize|plugin|Could not resolve hostname|ssh: |fork|Cannot allocate memory",
    re.IGNORECASE,
)
_PREFIX: Final = re.compile(
    r"^(?:slurm_)?(?:sbatch|scancel|squeue|sinfo|sacct|scontrol)(?::| )\s*"
    r"(?:(?:error|fatal)\s*:\s*)?",
    re.ASCII,
)
# What wrappers (shell, ssh, env) report when the command itself never ran.
_NOT_RUN: Final = frozenset({126, 127, 255})


def message_of(completed: Completed) -> str:
    """SLURM's own words, on one line: prefixes like `sbatch: error:` and repetitions are cut."""
    lines: list[str] = []
    for line in completed.stderr.splitlines():
        words = _PREFIX.sub("", line.strip())
        if words and words not in lines:
            lines.append(words)
    message = "; ".join(lines) or f"exit code {completed.returncode} and no message"
    return message if len(message) <= _MESSAGE_LIMIT else message[: _MESSAGE_LIMIT - 3] + "..."


def unavailable(completed: Completed, *, changes: bool = False) -> BackendUnavailable | None:
    """Tell whether a failed command failed because SLURM is away.

    Args:
        completed: a command with an exit code other than 0.
        changes: the command changes something, so that a lost answer leaves the outcome unknown.

    Returns:
        The error to raise; None when SLURM did answer.
    """
    text = completed.stderr
    lost = bool(_ANSWER_LOST.search(text)) or completed.returncode < 0
    if lost or _AWAY.search(text) or completed.returncode in _NOT_RUN:
        return BackendUnavailable(
            f"{completed.command}: {message_of(completed)}", outcome_unknown=changes and lost
        )
    return None


def failure(completed: Completed) -> SlurmPluginError:
    """Turn a failed query into the error to raise."""
    return unavailable(completed) or UnexpectedAnswer(
        f"{completed.command} failed: {message_of(completed)}"
    )
