"""squeue: the state of jobs.

Only fields that are not free text in queries of many jobs: names and comments of other users may
hold anything, line ends included. What a job is called and whose it is comes from queries of one
job, whose whole output is one record. Never `--json` (81 MB and 5.7 s for 10,000 jobs).
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from slurm_plugin.errors import UnexpectedAnswer
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.commands import fields
from slurm_plugin.slurm.commands.failures import failure
from slurm_plugin.slurm.commands.process import Completed
from slurm_plugin.slurm.states import parse_state

# Reason comes last: an administrator's text may stand there.
_COLUMNS: Final = (
    "JobID",
    "StateCompact",
    "exit_code",
    "NodeList",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "RestartCnt",
    "TimeLimit",
    "UserId",
    "Reason",
)
# A single unknown job is an error to squeue, several are left out silently.
_UNKNOWN_JOB: Final = re.compile(r"Invalid job id", re.IGNORECASE)


def squeue_argv(squeue: Sequence[str], *selection: str) -> list[str]:
    """Build a query of all states; `selection` narrows it, e.g. `--user=2000`."""
    return [*squeue, *_BASE, *selection, "-O", _format(_COLUMNS)]


def one_job_argv(squeue: Sequence[str], job_id: int, mark: str) -> list[str]:
    """Build the query of one job with its name and comment.

    Args:
        squeue: the command.
        job_id: the job.
        mark: random text that ends the name, so that no name can pass for a comment.
    """
    named = f"{_format(_COLUMNS)},Name:|{mark},Comment:|{mark}"
    return [*squeue, *_BASE, f"--jobs={job_id}", "-O", named]


def comments_argv(squeue: Sequence[str]) -> list[str]:
    """Build the query of all jobs' comments; see `parse_comments` about their worth."""
    return [*squeue, *_BASE, "-O", _format(("JobID", "Comment"))]


_BASE: Final = ("--noheader", "--all", "--states=all")


def _format(columns: Sequence[str]) -> str:
    # A suffix without a size gives the field its whole width (22.05 to 26.05).
    return ",".join(f"{column}:{fields.SEPARATOR}" for column in columns)


def parse_squeue(completed: Completed) -> dict[int, JobInfo]:
    """Read the answer to `squeue_argv`.

    Raises:
        BackendUnavailable: SLURM did not answer.
        UnexpectedAnswer: another failure.
    """
    if completed.returncode != 0 and not _UNKNOWN_JOB.search(completed.stderr):
        raise failure(completed)
    jobs = (_job(row) for row in fields.records(completed.stdout, len(_COLUMNS)))
    return {job.job_id: job for job in jobs}


def parse_one_job(completed: Completed, mark: str) -> JobInfo | None:
    """Read the answer to `one_job_argv`; None when SLURM does not know the job."""
    if completed.returncode != 0:
        if _UNKNOWN_JOB.search(completed.stderr):
            return None
        raise failure(completed)
    if not completed.stdout.strip():
        return None
    record, _, rest = completed.stdout.lstrip().partition("|" + mark)
    row = record.split(fields.SEPARATOR, len(_COLUMNS))
    if len(row) != len(_COLUMNS) + 1 or fields.number(row[0]) is None:
        raise UnexpectedAnswer(f"squeue: {completed.stdout[:200]!r} is not a job")
    return _job(row[:-1], name=row[-1], comment=fields.text(rest.partition("|" + mark)[0]))


def parse_comments(completed: Completed, prefix: str) -> list[int]:
    """Ids of jobs whose comment seems to begin so.

    A comment with line ends can make up such a line, so each id is only a candidate.
    """
    if completed.returncode != 0:
        raise failure(completed)
    rows = fields.records(completed.stdout, 2)
    return [int(job_id) for job_id, comment in rows if comment.startswith(prefix)]


def _job(row: Sequence[str], *, name: str = "", comment: str = "") -> JobInfo:
    job_id, state, codes, nodes, submitted, start, end, restarts, limit, user, reason = row
    parsed = parse_state(state)
    code, signal = fields.exit_code(codes)
    return JobInfo(
        job_id=int(job_id),
        state=parsed.state,
        flags=parsed.flags,
        reason=fields.text(reason),
        exit_code=code,
        signal=signal,
        submit_time=fields.epoch(submitted),
        start_time=fields.epoch(start),
        # Before the end, squeue shows when the time limit would end the job.
        end_time=fields.epoch(end) if parsed.state.is_terminal else None,
        nodes=fields.text(nodes),
        restarts=fields.number(restarts) or 0,
        time_limit=fields.time_limit(limit),
        user_id=fields.number(user),
        name=name,
        comment=comment,
    )


def missing_ids(wanted: Collection[int], found: Collection[int]) -> list[int]:
    """Ids that an answer lacks, in order."""
    return sorted(set(wanted).difference(found))


def selections(wanted: Collection[int]) -> Iterator[str]:
    """`--jobs=` arguments for these ids, several when the list is long."""
    return (f"--jobs={ids}" for ids in fields.batches(wanted))
