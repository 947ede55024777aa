"""Running a command: the only place of the commands backend that starts processes."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from slurm_plugin.errors import BackendUnavailable

# Time for a killed group to release its pipes; a process that left the group may hold them.
_REAP_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended.

    Attributes:
        argv: what was run.
        returncode: exit code, or minus the number of the signal that ended it.
        stdout: output; bytes that are not UTF-8 became U+FFFD.
        stderr: messages, likewise. Text there says nothing about success.
    """

    argv: Sequence[str]
    returncode: int
    stdout: str
    stderr: str

    @property
    def command(self) -> str:
        """The command's name, for messages."""
        return self.argv[0].rpartition("/")[2]


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    timeout: float,
    stdin: str = "",
    changes: bool = False,
) -> Completed:
    """Run a command without a shell and wait for it.

    Args:
        argv: command and arguments; the command is looked up in the environment's PATH.
        environment: the command's whole environment.
        timeout: seconds until the command and all its children are killed.
        stdin: text that it reads.
        changes: True when the command changes something, which it may have done before it was
            killed.

    Returns:
        How it ended, whatever its exit code.

    Raises:
        BackendUnavailable: it could not be started, or overran its time.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd="/",
            start_new_session=True,  # a group of its own, so that wrappers die with their children
        )
    except OSError as error:
        raise BackendUnavailable(
            f"{argv[0]} can't be run: {error.strerror}; check its path in the settings"
        ) from error
    with process:
        try:
            out, err = process.communicate(stdin.encode(), timeout=timeout)
        except subprocess.TimeoutExpired as expired:
            _kill(process)
            raise BackendUnavailable(
                f"{argv[0]} did not answer within {timeout:g} s", outcome_unknown=changes
            ) from expired
    return Completed(argv, process.returncode, _text(out), _text(err))


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_REAP_SECONDS)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _text(output: bytes) -> str:
    return output.decode(errors="replace")


def base_environment(slurm_conf: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Make the environment that SLURM's commands get: no more than they need.

    Nothing of the service's own environment gets through (it may hold secrets), and no `SBATCH_*`
    or `SQUEUE_*` variable that would change what a command does.

    Args:
        slurm_conf: value of SLURM_CONF; empty takes the service's, if it has one.
        inherited: the service's environment.

    Returns:
        PATH, LANG, and HOME, USER and SLURM_CONF where known.
    """
    kept = {name: inherited[name] for name in ("HOME", "USER", "SLURM_CONF") if name in inherited}
    path = inherited.get("PATH") or os.defpath
    conf = {"SLURM_CONF": slurm_conf} if slurm_conf else {}
    return {**kept, "PATH": path, "LANG": "C.UTF-8", **conf}
