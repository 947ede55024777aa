"""Which RPC the native query takes, and what it remembers."""

import pytest

from slurm_plugin.slurm.native import fast_query
from slurm_plugin.slurm.native.fast_query import FastQuery

USER = 1000
OTHER = 2000
INVALID_JOB_ID = 2017


def row(job_id, word=1, user_id=USER):
    return (job_id, word, 0, b"", 1, 2, 3, b"", 0, 60, user_id)


class Module:
    """A slurmctld behind the compiled module: jobs, a clock of changes, and the calls."""

    built_for = 45

    def __init__(self, *jobs):
        self.jobs = {job[0]: job for job in jobs}
        self.changed = 100
        self.calls = []
        self.error = None

    def library(self):
        return 45

    def jobs_of_user(self, user_id, wanted=None, named=False):
        self._note("user")
        return self._rows(lambda job: job[10] == user_id, wanted, named)

    def all_jobs(self, since, wanted=None, named=False):
        self._note(f"all since {since}")
        if since > self.changed:
            return None
        return self.changed + 1, self._rows(lambda job: True, wanted, named)

    def one_job(self, job_id):
        self._note(f"one {job_id}")
        if job_id not in self.jobs:
            raise OSError(INVALID_JOB_ID, "Invalid job id specified")
        # An array's other tasks come with it.
        return [(*job, b"name", b"comment") for job in (row(999), self.jobs[job_id])]

    def _note(self, call):
        self.calls.append(call)
        if self.error:
            raise self.error

    def _rows(self, matches, wanted, named):
        texts = (b"name", b"comment") if named else ()
        found = [job for job in self.jobs.values() if matches(job)]
        return [job + texts for job in found if wanted is None or job[0] in wanted]

    def taken(self):
        calls, self.calls = self.calls, []
        return calls


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def module():
    return Module(*(row(number) for number in range(1, 6)), row(6, user_id=OTHER))


@pytest.fixture
def clock():
    return Time()


def ids(rows):
    return sorted(row[0] for row in rows)


@pytest.mark.parametrize("user_id", [USER, 0])
def test_few_jobs_are_asked_for_one_by_one(module, user_id) -> None:
    query = FastQuery(module, user_id)
    assert query.query([2]) == [row(2)]
    assert ids(query.query([2, 77])) == [2]
    assert sorted(module.taken()) == ["one 2", "one 2", "one 77"]


def test_an_ordinary_user_asks_for_the_own_jobs_only(module) -> None:
    query = FastQuery(module, USER)
    assert ids(query.query([1, 2, 5])) == [1, 2, 5]
    assert module.taken() == ["user"]


def test_a_few_jobs_that_are_not_the_users_are_asked_for_beside(module) -> None:
    query = FastQuery(module, USER)
    assert ids(query.query([1, 2, 6])) == [1, 2, 6]
    assert module.taken() == ["user", "one 6"]


def test_many_jobs_that_are_not_the_users_cost_one_more_question(module) -> None:
    query = FastQuery(module, USER)
    assert ids(query.query([1, 6, 70, 71, 72])) == [1, 6]
    assert module.taken() == ["user", "all since 0"]


def test_jobs_that_are_gone_are_asked_for_again_after_a_minute_only(module, clock) -> None:
    query = FastQuery(module, USER, clock)
    wanted = [1, 2, 70]
    query.query(wanted)
    module.taken()
    clock.now += 59
    query.query(wanted)
    assert module.taken() == ["user"]
    clock.now += 2
    module.jobs[70] = row(70, user_id=OTHER)
    assert ids(query.query(wanted)) == [1, 2, 70]
    assert module.taken() == ["user", "one 70"]


def test_a_job_that_came_and_went_is_asked_for_again(module) -> None:
    query = FastQuery(module, USER)
    query.query([1, 2, 70])
    module.jobs[70] = row(70)
    query.query([1, 2, 70])
    del module.jobs[70]
    module.taken()
    query.query([1, 2, 70])
    assert module.taken() == ["user", "one 70"]


def test_root_reads_the_table_once_until_it_changes(module, clock) -> None:
    query = FastQuery(module, 0, clock)
    wanted = [1, 2, 6]
    first = query.query(wanted)
    assert ids(first) == [1, 2, 6]
    assert query.query(wanted) == first
    assert ids(query.query([1, 2, 6])) == [1, 2, 6]
    assert module.taken() == ["all since 0", "all since 101", "all since 101"]
    module.jobs[1] = row(1, word=3)
    module.changed = 200
    assert row(1, word=3) in query.query(wanted)


def test_root_asks_anew_for_a_job_that_was_not_asked_for_before(module) -> None:
    query = FastQuery(module, 0)
    query.query([1, 2, 3])
    module.taken()
    assert ids(query.query([2, 3, 4])) == [2, 3, 4]
    assert module.taken() == ["all since 0"]


def test_fewer_jobs_than_before_need_no_new_table(module) -> None:
    query = FastQuery(module, 0)
    query.query([1, 2, 3, 4])
    module.taken()
    assert ids(query.query([1, 2, 3])) == [1, 2, 3]
    assert module.taken() == ["all since 101"]


def test_no_change_is_not_believed_for_ever(module, clock) -> None:
    query = FastQuery(module, 0, clock)
    query.query([1, 2, 3])
    module.jobs[1] = row(1, word=3)  # and slurmctld's clock was set back: "no change"
    clock.now += 61
    assert row(1, word=3) in query.query([1, 2, 3])


def test_an_id_of_an_array_means_its_own_task(module) -> None:
    assert FastQuery(module, USER).lookup(3) == (*row(3), b"name", b"comment")
    assert FastQuery(module, USER).lookup(77) is None


@pytest.mark.parametrize("user_id", [USER, 0])
def test_a_failure_is_no_answer_and_forgets_nothing(module, user_id) -> None:
    query = FastQuery(module, user_id)
    query.query([1, 2, 3])
    module.error = OSError(1800, "Unable to contact slurm controller")
    for ask in (lambda: query.query([1, 2, 3]), lambda: query.lookup(1), query.named):
        with pytest.raises(OSError, match="Unable to contact"):
            ask()
    module.error = None
    assert ids(query.query([1, 2, 3])) == [1, 2, 3]


def test_named_rows_are_the_users_or_for_root_everybodys(module) -> None:
    assert ids(FastQuery(module, USER).named()) == [1, 2, 3, 4, 5]
    assert ids(FastQuery(module, 0).named()) == [1, 2, 3, 4, 5, 6]
    assert all(len(row) == 13 for row in FastQuery(module, 0).named())


def test_a_module_that_fits_is_used(module) -> None:
    assert fast_query.load(USER, lambda _: module).detail == "native query of one user's jobs"
    assert "whole queue" in fast_query.load(0, lambda _: module).detail


def test_a_module_for_another_slurm_is_not(module) -> None:
    module.built_for = 44
    loaded = fast_query.load(USER, lambda _: module)
    assert loaded.query is None
    assert "another SLURM" in loaded.detail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module"), "not built"),
        (ImportError("undefined symbol: slurm_load_jobs"), "undefined symbol"),
    ],
)
def test_without_the_module_pyslurm_must_do(error: ImportError, told: str) -> None:
    def fail(_: str) -> None:
        raise error

    loaded = fast_query.load(USER, fail)
    assert loaded.query is None
    assert told in loaded.detail
