"""Measures both backends on a real SLURM: submit, single query, bulk query, cancel.

    python -m tests.benchmarks.bench_backends [--jobs 10000] [--rounds 100] [--bulk-rounds 15]
                                              [--json FILE] [--backend pyslurm --backend commands]

Run it inside the sample cluster as the user `tester`. It fills the queue with held jobs, times the
backends' own methods (worker processes and decoding included), counts the RPCs that slurmctld got
meanwhile from this user (`sdiag`), prints a table in Markdown, and removes its jobs.
"""

import argparse
import json
import os
import pwd
import re
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.slurm.base import Backend, JobSpec, SbatchOption
from slurm_plugin.slurm.commands.backend import CommandsBackend
from slurm_plugin.slurm.commands.directives import script_directives
from slurm_plugin.slurm.native.backend import PyslurmBackend

BACKENDS: dict[str, Callable[[SlurmSettings], Backend]] = {
    "pyslurm": PyslurmBackend,
    "commands": CommandsBackend,
}
# sdiag's section by user: "\ttester          (    1000) count:7 ave_time:..."
USER_LINE = re.compile(r"\(\s*(\d+)\)\s+count:(\d+)")


@dataclass(frozen=True)
class Figure:
    """One line of the table; times in milliseconds."""

    backend: str
    call: str
    rounds: int
    median_ms: float
    p95_ms: float
    rpcs_per_call: float


def job_spec() -> JobSpec:
    """A job that is held for ever."""
    name = str(uuid.uuid4())
    options = (SbatchOption("hold"), SbatchOption("time", "10"))
    bare = JobSpec(name, f"benchmark {name}", "", "/dev/null", "/tmp", options)
    script = "\n".join(["#!/bin/bash", *script_directives(bare), "exit 0", ""])
    environment = {"PATH": "/usr/bin:/bin"}
    return JobSpec(name, bare.comment, script, "/dev/null", "/tmp", options, environment)


def rpc_count() -> int:
    """RPCs that slurmctld answered to this user, without the ones of sdiag itself."""
    text = subprocess.run(["sdiag"], check=True, capture_output=True, text=True).stdout
    by_user = text.partition("statistics by user")[2]
    counts = {int(uid): int(count) for uid, count in USER_LINE.findall(by_user)}
    return counts.get(os.getuid(), 0)


def measure(backend: str, call: str, actions: Sequence[Callable[[], object]]) -> Figure:
    """Time each action once."""
    before = rpc_count()
    seconds = []
    for action in actions:
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    counted = rpc_count() - before - 1  # the first sdiag is counted after its answer
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return Figure(
        backend,
        call,
        len(actions),
        round(statistics.median(ordered) * 1e3, 2),
        round(p95 * 1e3, 2),
        round(counted / len(actions), 2),
    )


@contextmanager
def clean_queue() -> Iterator[None]:
    """No jobs of this user before and after."""
    user = pwd.getpwuid(os.getuid()).pw_name
    subprocess.run(["scancel", f"--user={user}"], check=True)
    try:
        yield
    finally:
        subprocess.run(["scancel", f"--user={user}"], check=True)


def fill(backend: Backend, jobs: int) -> list[int]:
    """Submit held jobs; returns their ids."""
    return [backend.submit(job_spec()) for _ in range(jobs)]


def bench(
    name: str, backend: Backend, ids: Sequence[int], options: argparse.Namespace
) -> Iterable[Figure]:
    """All figures of one backend."""
    made: list[int] = []
    backend.query(ids[:1])  # the worker and its libraries are loaded
    specs = [job_spec() for _ in range(options.rounds)]
    yield measure(name, "submit", [lambda s=s: made.append(backend.submit(s)) for s in specs])
    single = [lambda i=i: seen(backend, [i]) for i in ids[: options.rounds]]
    yield measure(name, "query of one job", single)
    bulk = [lambda: seen(backend, ids)] * options.bulk_rounds
    yield measure(name, f"query of {len(ids)} pending jobs", bulk)
    yield measure(name, "cancel", [lambda i=i: backend.cancel([i]) for i in made])


def seen(backend: Backend, ids: Sequence[int]) -> None:
    """Query, and fail where an answer is incomplete."""
    found = backend.query(ids)
    if len(found) != len(ids):
        raise SystemExit(f"{len(found)} of {len(ids)} jobs were answered")


def table(figures: Iterable[Figure]) -> str:
    """The figures in Markdown."""
    lines = ["| call | backend | median ms | p95 ms | RPCs a call |", "|---|---|---|---|---|"]
    lines += [
        f"| {f.call} | {f.backend} | {f.median_ms:g} | {f.p95_ms:g} | {f.rpcs_per_call:g} |"
        for f in sorted(figures, key=lambda f: f.call)
    ]
    return "\n".join(lines)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs in the bulk query")
    parser.add_argument("--rounds", type=int, default=100, help="of the small calls")
    parser.add_argument("--bulk-rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--backend", action="append", choices=sorted(BACKENDS))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = parse(argv)
    settings = SlurmSettings(query_timeout_seconds=60, submit_timeout_seconds=60)
    names = options.backend or ["pyslurm", "commands"]
    backends = {name: BACKENDS[name](settings) for name in names}
    figures: list[Figure] = []
    with clean_queue():
        ids = fill(next(iter(backends.values())), options.jobs)
        for name, backend in backends.items():
            print(f"{name}: {backend.info().detail}", file=sys.stderr)
            figures += bench(name, backend, ids, options)
    for backend in backends.values():
        backend.close()
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps([asdict(f) for f in figures], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
