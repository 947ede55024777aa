"""What a failed command says: SLURM's refusal, or SLURM away.

Texts are those of src/common/slurm_errno.c and of the connection code, 22.05 to 26.05. SLURM's own
reason (`Batch job submission failed: ...`) decides where there is one: other lines may hold any
words. A change whose failure is not surely "never sent" may have happened.
"""

import re
from typing import Final

from slurm_plugin.errors import BackendUnavailable, SlurmPluginError, UnexpectedAnswer
from slurm_plugin.slurm.commands.process import Completed

_MESSAGE_LIMIT: Final = 500

_NEVER_SENT: Final = re.compile(
    r"Unable to contact slurm controller|connect failure|Connection refused|No route to host|"
    r"Network is unreachable|Could not resolve hostname|Unable to establish configuration source|"
    r"Unable to process configuration file|Could not establish a configuration source",
    re.IGNORECASE,
)
_AWAY: Final = re.compile(
    r"Socket timed out|Zero Bytes were transmitted|Connection reset|Connection timed out|"
    r"Broken pipe|Insane message length|Unexpected message received|closed by remote host|"
    r"server \S+ not responding|in standby mode|use of backup controller|"
    r"temporarily unable to accept|Resource temporarily unavailable|rate limit exceeded|"
    r"(?:Protocol )?authentication error|authentication credential|Munge (?:en|de)code failed|"
    r"auth_g_\w+|persistent connection|Cannot allocate memory|cannot (?:create|find) auth",
    re.IGNORECASE,
)
_SLURMS_REASON: Final = re.compile(r"submission failed: (.+)", re.IGNORECASE)
_FILTERED: Final = re.compile(r"cli_filter", re.IGNORECASE)
_PREFIX: Final = re.compile(
    r"^(?:slurm_)?(?:sbatch|scancel|squeue|sinfo|sacct|scontrol)(?::| )\s*"
    r"(?:(?:error|fatal)\s*:\s*)?",
    re.ASCII,
)
# What wrappers report: 126 and 127 when the command never ran, 255 (ssh) when the link failed,
# before or after the command did its work.
_NEVER_RAN: Final = frozenset({126, 127})
_LINK_FAILED: Final = 255


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
    reason = _SLURMS_REASON.search(completed.stderr)
    text = reason[1] if reason else completed.stderr
    never_sent = completed.returncode in _NEVER_RAN or bool(_NEVER_SENT.search(text))
    broken = completed.returncode < 0 or (completed.returncode == _LINK_FAILED and not reason)
    if not (never_sent or broken or _AWAY.search(text)) or _FILTERED.search(completed.stderr):
        return None
    return BackendUnavailable(
        f"{completed.command}: {message_of(completed)}", outcome_unknown=changes and not never_sent
    )


def failure(completed: Completed) -> SlurmPluginError:
    """Turn a failed query into the error to raise."""
    return unavailable(completed) or UnexpectedAnswer(
        f"{completed.command} failed: {message_of(completed)}"
    )
