"""sacct: jobs that left the queue. Always by id and with a time window.

No field that is free text (names and comments of users may hold line ends).
"""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.commands import fields
from slurm_plugin.slurm.commands.failures import failure
from slurm_plugin.slurm.commands.process import Completed
from slurm_plugin.slurm.states import parse_state

_COLUMNS: Final = (
    "JobIDRaw",
    "State",
    "ExitCode",
    "NodeList",
    "Submit",
    "Start",
    "End",
    "TimelimitRaw",
    "UID",
)
_NO_ACCOUNTING: Final = re.compile(r"accounting storage is disabled", re.IGNORECASE)


def sacct_argvs(
    sacct: Sequence[str], job_ids: Collection[int], since: int, until: int
) -> Iterator[list[str]]:
    """Build the queries for these jobs (times in epoch seconds); the clock is set to UTC."""
    window = [f"--starttime={_clock(since)}", f"--endtime={_clock(until)}"]
    for ids in fields.batches(job_ids):
        columns = f"--format={','.join(_COLUMNS)}"
        flags = ["--noheader", "--allocations", "--allusers", "--parsable2"]
        yield [*sacct, *flags, *window, f"--jobs={ids}", columns]


def _clock(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_sacct(completed: Completed) -> dict[int, JobInfo]:
    """Read the jobs; empty where the cluster keeps no accounts.

    Raises:
        BackendUnavailable: slurmdbd did not answer.
        UnexpectedAnswer: another failure.
    """
    if completed.returncode != 0:
        if _NO_ACCOUNTING.search(completed.stderr):
            return {}
        raise failure(completed)
    jobs = (_job(row) for row in fields.records(completed.stdout, len(_COLUMNS)))
    return {job.job_id: job for job in jobs}


def _job(row: Sequence[str]) -> JobInfo:
    job_id, state, codes, nodes, submitted, start, end, limit, user = row
    parsed = parse_state(state)
    code, signal = fields.exit_code(codes)
    return JobInfo(
        job_id=int(job_id),
        state=parsed.state,
        flags=parsed.flags,
        exit_code=code,
        signal=signal,
        submit_time=fields.epoch(submitted),
        start_time=fields.epoch(start),
        end_time=fields.epoch(end),
        nodes=fields.text(nodes),
        time_limit=fields.number(limit),
        user_id=fields.number(user),
    )
