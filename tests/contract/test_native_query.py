"""The native query module on real SLURM: field by field against squeue and pyslurm's own calls.

Collected where SLURM_PLUGIN_TEST_BACKEND is `pyslurm` only (see conftest.py). pyslurm is loaded in
this process, since nothing here stops slurmctld.
"""

import importlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.commands.backend import CommandsBackend
from slurm_plugin.slurm.native import capi, convert, fast_query
from slurm_plugin.slurm.native.backend import PyslurmBackend
from slurm_plugin.slurm.native.fast_query import MODULE, FastQuery
from slurm_plugin.slurm.native.rows import job_of
from slurm_plugin.slurm.states import JobFlag, JobState, parse_state
from tests.contract.clusters import until
from tests.contract.test_backend_contract import job_spec, option

MANY = 2000
UNKNOWN_ID = 4_000_000
BROKEN = b"br\xffk\xc3|\n1"


@pytest.fixture(scope="module")
def module() -> Any:
    capi._pyslurm()
    return importlib.import_module(MODULE)


@pytest.fixture(scope="module", autouse=True)
def empty_queue() -> Iterator[None]:
    yield
    subprocess.run(["scancel", "--user=tester"], check=True)


def sbatch(*options: str | bytes, script: str = "sleep 300") -> int:
    """Submit by sbatch; returns the (first) id."""
    argv = ["sbatch", "--parsable", "-D/tmp", "-o/dev/null", *options, f"--wrap={script}"]
    return int(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def scontrol(*arguments: str) -> None:
    subprocess.run(["sudo", "/usr/bin/scontrol", *arguments], check=True, capture_output=True)


def one(module: Any, job_id: int) -> JobInfo:
    row = FastQuery(module, os.getuid()).lookup(job_id)
    assert row is not None
    return job_of(row)


def wait_for(module: Any, job_id: int, state: JobState, *flags: JobFlag) -> int:
    def there() -> bool:
        job = one(module, job_id)
        return (job.state, job.flags) == (state, frozenset(flags))

    until(there, 30)
    return job_id


def make_pending(module: Any) -> int:
    return wait_for(module, sbatch("--hold", "--time=12:34"), JobState.PENDING)


def make_dependent(module: Any) -> int:
    first = sbatch("--hold")
    return wait_for(module, sbatch(f"--dependency=afterok:{first}"), JobState.PENDING)


def make_running(module: Any) -> int:
    return wait_for(module, sbatch("-N2"), JobState.RUNNING)


def make_suspended(module: Any) -> int:
    job_id = make_running(module)
    scontrol("suspend", str(job_id))
    return wait_for(module, job_id, JobState.SUSPENDED)


def make_completed(module: Any) -> int:
    return wait_for(module, sbatch(script="exit 0"), JobState.COMPLETED)


def make_failed(module: Any) -> int:
    return wait_for(module, sbatch(script="exit 3"), JobState.FAILED)


def make_killed(module: Any) -> int:
    return wait_for(module, sbatch(script="kill -9 $$"), JobState.FAILED)


def make_cancelled_pending(module: Any) -> int:
    job_id = make_pending(module)
    subprocess.run(["scancel", str(job_id)], check=True)
    return wait_for(module, job_id, JobState.CANCELLED)


def make_cancelled_running(module: Any) -> int:
    job_id = make_running(module)
    subprocess.run(["scancel", str(job_id)], check=True)
    return wait_for(module, job_id, JobState.CANCELLED)


def make_requeued(module: Any) -> int:
    job_id = make_running(module)
    scontrol("requeue", str(job_id))
    until(lambda: one(module, job_id).restarts == 1, 30)
    return wait_for(module, job_id, JobState.PENDING)


def make_requeue_held(module: Any) -> int:
    job_id = make_running(module)
    scontrol("requeuehold", str(job_id))
    return wait_for(module, job_id, JobState.PENDING)  # 26.05 drops the flag


def make_special_exit(module: Any) -> int:
    job_id = make_running(module)
    scontrol("requeuehold", "state=SpecialExit", str(job_id))
    return wait_for(module, job_id, JobState.PENDING, JobFlag.SPECIAL_EXIT)


def make_broken_name(module: Any) -> int:
    name, comment = b"--job-name=" + BROKEN, b"--comment=" + BROKEN
    return wait_for(module, sbatch("--hold", name, comment), JobState.PENDING)


def make_array(module: Any) -> int:
    return wait_for(module, sbatch("--array=1-3", "--hold"), JobState.PENDING)


def make_het_job(module: Any) -> int:
    return wait_for(module, sbatch("-n1", ":", "-n1", "--hold"), JobState.PENDING)


MAKERS = [maker for name, maker in sorted(globals().items()) if name.startswith("make_")]


def same(answers: Callable[[], tuple[Any, Any]]) -> None:
    """The two answers are alike, once nothing changes between the two questions."""
    deadline = time.monotonic() + 5
    while True:
        one_answer, other = answers()
        if one_answer == other or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert one_answer == other


def commands() -> CommandsBackend:
    return CommandsBackend(SlurmSettings())


def without_state(job: JobInfo) -> JobInfo:
    """squeue and pyslurm show a flag instead of the base state, and so perhaps no end."""
    return replace(job, state=JobState.UNKNOWN, flags=frozenset(), end_time=None)


def words_of(job_id: int) -> tuple[JobState, frozenset[JobFlag]]:
    """State and all flags, from the one output of squeue that has them apart."""
    done = subprocess.run(
        ["squeue", "--json", "--states=all", f"--jobs={job_id}"], check=True, capture_output=True
    )
    answer = json.loads(done.stdout.decode(errors="replace"))
    (job,) = (job for job in answer["jobs"] if job["job_id"] == job_id)
    return parse_state(",".join(job["job_state"]))


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__.removeprefix("make_"))
def test_a_job_of_each_kind_reads_as_squeue_and_pyslurm_have_it(
    module: Any, make: Callable[[Any], int]
) -> None:
    job_id = make(module)

    def by_squeue() -> tuple[Any, Any]:
        seen = commands().query([job_id, UNKNOWN_ID])[job_id]
        return without_state(bare(module, job_id)), without_state(seen)

    def by_pyslurm() -> tuple[Any, Any]:
        seen = convert.job(capi._queue()[job_id])
        return without_state(bare(module, job_id)), without_state(seen)

    def state() -> tuple[Any, Any]:
        job = one(module, job_id)
        return (job.state, job.flags), words_of(job_id)

    same(by_squeue)
    same(by_pyslurm)
    same(state)
    ended = one(module, job_id).end_time
    assert (ended is not None) == one(module, job_id).state.is_terminal


def bare(module: Any, job_id: int) -> JobInfo:
    return replace(one(module, job_id), name="", comment="")


def test_name_and_comment_are_what_pyslurm_reads(module: Any) -> None:
    job_id = sbatch("--hold", "--job-name=täst", "--comment=two words")
    job = one(module, job_id)
    assert (job.name, job.comment) == ("täst", "two words")
    assert job == convert.named_job(capi._queue()[job_id])


def test_a_job_that_configures_keeps_its_base_state(module: Any) -> None:
    job_id = sbatch("--partition=slow")
    wait_for(module, job_id, JobState.RUNNING, JobFlag.CONFIGURING)
    assert words_of(job_id) == (JobState.RUNNING, {JobFlag.CONFIGURING})


def test_a_job_that_completes_keeps_its_base_state(module: Any) -> None:
    job_id = wait_for(
        module, sbatch(script="trap '' TERM; sleep 100 & wait; sleep 100"), JobState.RUNNING
    )
    subprocess.run(["scancel", "--full", str(job_id)], check=True)
    wait_for(module, job_id, JobState.CANCELLED, JobFlag.COMPLETING)
    assert words_of(job_id) == (JobState.CANCELLED, {JobFlag.COMPLETING})


def test_a_name_that_is_no_utf8_disturbs_no_query(module: Any) -> None:
    job_id = make_broken_name(module)
    assert one(module, job_id).name == BROKEN.decode(errors="replace")
    named = {row[0]: row for row in FastQuery(module, os.getuid()).named()}
    assert (named[job_id][11], named[job_id][12]) == (BROKEN, BROKEN)
    assert [job.job_id for job in capi.find(BROKEN.decode(errors="replace"))][-1:] == [job_id]


def test_the_tasks_of_an_array_are_told_apart(module: Any) -> None:
    first = sbatch("--array=1-3")
    until(lambda: len(running_tasks(module)) >= 3, 30)
    tasks = module.one_job(first)
    assert len(tasks) == 3
    assert one(module, first).job_id == first
    ids = [row[0] for row in tasks]
    asked = FastQuery(module, os.getuid()).query(ids)
    assert sorted(row[0] for row in asked) == sorted(ids)


def running_tasks(module: Any) -> list[JobInfo]:
    jobs = map(job_of, module.jobs_of_user(os.getuid()))
    return [job for job in jobs if job.state is JobState.RUNNING]


def test_the_memory_stays_flat(module: Any) -> None:
    """2,000 queries; each answer takes about 100 KiB, an error text some bytes."""
    ids = [capi.submit(job_spec("exit 0", option("hold"))) for _ in range(50)]

    def ask(times: int) -> None:
        for _ in range(times):
            assert len(module.jobs_of_user(os.getuid(), None, True)) >= len(ids)
            assert module.all_jobs(0, frozenset(ids)) is not None
            assert module.one_job(ids[-1])
            with pytest.raises(OSError, match="Invalid job id"):
                module.one_job(UNKNOWN_ID)

    ask(50)
    before = resident_kib()
    ask(500)
    assert resident_kib() - before < 512


def resident_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.fixture(scope="module")
def many() -> Sequence[int]:
    subprocess.run(["scancel", "--user=tester"], check=True)
    return [capi.submit(job_spec("exit 0", option("hold"))) for _ in range(MANY)]


def test_many_jobs_read_the_same_by_every_way(module: Any, many: Sequence[int]) -> None:
    wanted = frozenset(many)

    def rows(user_id: int) -> dict[int, JobInfo]:
        return {row[0]: job_of(row) for row in FastQuery(module, user_id).query(wanted)}

    by_user = rows(os.getuid())
    assert set(by_user) == wanted
    assert rows(0) == by_user
    assert capi._query_by_pyslurm(many) == by_user
    same(lambda: (rows(os.getuid()), dict(commands().query(many))))


def test_one_users_jobs_are_filtered_by_slurmctld_and_others_asked_beside(
    module: Any, many: Sequence[int]
) -> None:
    foreign = FastQuery(module, os.getuid() + 4242)
    assert module.jobs_of_user(os.getuid() + 4242) == []
    assert len(foreign.query(many)) == MANY


def test_no_change_is_told_and_a_change_is_never_hidden(module: Any, many: Sequence[int]) -> None:
    query = FastQuery(module, 0)
    until(lambda: module.all_jobs(int(time.time())) is None, 30)
    for job_id in many[:20]:
        assert len(query.query(many)) == MANY
        capi.cancel([job_id])
        states = {row[0]: job_of(row).state for row in query.query(many)}
        assert states[job_id] is JobState.CANCELLED


def test_an_unknown_job_is_absent(module: Any, many: Sequence[int]) -> None:
    for user_id in (0, os.getuid()):
        query = FastQuery(module, user_id)
        assert query.lookup(UNKNOWN_ID) is None
        for ids in ([UNKNOWN_ID], [UNKNOWN_ID, many[-1], many[-2]]):
            assert UNKNOWN_ID not in {row[0] for row in query.query(ids)}


def test_the_backend_uses_the_module(many: Sequence[int]) -> None:
    backend = PyslurmBackend(SlurmSettings())
    try:
        assert backend.info().detail.endswith("native query of one user's jobs")
        assert backend.query(many[-5:]) == commands().query(many[-5:])
    finally:
        backend.close()


def test_a_module_for_another_slurm_is_not_used(module: Any) -> None:
    class Other:
        built_for = module.built_for + 1
        library = staticmethod(module.library)

    loaded = fast_query.load(0, lambda _: Other())  # type: ignore[arg-type,return-value]
    assert loaded.query is None
    assert fast_query.load(0).query is not None
