"""The backend: which worker, which deadline, and what goes through sbatch instead."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.errors import BackendUnavailable, InvalidRequest
from slurm_plugin.slurm.base import JobSpec, SbatchOption
from slurm_plugin.slurm.native.backend import PyslurmBackend
from tests.fakes.fake_backend import FakeBackend

HINT = SbatchOption("hint", "nomultithread")  # pyslurm has no attribute for it

Open = Callable[..., PyslurmBackend]


@pytest.fixture
def open_pyslurm(fake_path: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    opened: list[PyslurmBackend] = []

    def opener(how: str = "", commands: Any = None, **settings: Any) -> PyslurmBackend:
        monkeypatch.setenv("PYSLURM_FAKE", how)
        backend = PyslurmBackend(SlurmSettings(**settings), commands or (lambda _: FakeBackend()))
        opened.append(backend)
        return backend

    yield opener
    for backend in opened:
        backend.close()


def spec(*options: SbatchOption) -> JobSpec:
    return JobSpec("uid", "c", "#!/bin/sh\n", "/o", "/", options)


def test_a_job_goes_through_pyslurm(open_pyslurm: Open) -> None:
    assert open_pyslurm().submit(spec(SbatchOption("partition", "gpu"))) == 4711


def test_a_job_that_pyslurm_cannot_express_goes_through_sbatch(open_pyslurm: Open) -> None:
    sbatch = FakeBackend()
    made: list[SlurmSettings] = []

    def commands(settings: SlurmSettings) -> FakeBackend:
        made.append(settings)
        return sbatch

    backend = open_pyslurm(commands=commands, sbatch_path="/x/sbatch")
    ids = [backend.submit(spec(HINT)) for _ in range(2)]
    assert ids == sbatch.job_ids()
    assert [settings.sbatch_path for settings in made] == ["/x/sbatch"]


def test_a_job_that_pyslurm_cannot_express_is_refused_where_so_set(open_pyslurm: Open) -> None:
    backend = open_pyslurm("fatal", unmapped_options="reject")
    with pytest.raises(InvalidRequest, match="--hint can't be sent through pyslurm"):
        backend.submit(spec(HINT))


def test_nothing_asked_is_nothing_answered_without_a_worker(open_pyslurm: Open) -> None:
    backend = open_pyslurm("fatal")
    assert backend.query([]) == {}
    assert backend.history([], 0, 1) == {}
    backend.signal([], 10)
    backend.cancel([])
    assert backend.worker_restarts == 0


def test_a_lost_question_changed_nothing_and_a_lost_change_may_have(open_pyslurm: Open) -> None:
    backend = open_pyslurm("fatal")
    with pytest.raises(BackendUnavailable, match="Could not establish") as question:
        backend.query([1])
    with pytest.raises(BackendUnavailable, match="Could not establish") as change:
        backend.cancel([1])
    assert not question.value.outcome_unknown
    assert change.value.outcome_unknown
    assert backend.worker_restarts == 2


def test_each_call_has_its_own_deadline(open_pyslurm: Open) -> None:
    backend = open_pyslurm("hang", query_timeout_seconds=0.5, submit_timeout_seconds=1.5)
    begun = time.monotonic()
    with pytest.raises(BackendUnavailable, match=r"within 0\.5 s \(x: error: cannot stat file"):
        backend.nodes()
    with pytest.raises(BackendUnavailable, match=r"within 1\.5 s"):
        backend.submit(spec())
    assert time.monotonic() - begun < 4


def test_info_tells_both_releases(open_pyslurm: Open) -> None:
    info = open_pyslurm().info()
    assert (info.backend, info.slurm_release, info.detail) == (
        "pyslurm",
        "26.05.5",
        "pyslurm 25.11.2, pyslurm's own query, since the native query module is not built",
    )


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        ("", ""),
        ("away", ""),
        ("missing", "libslurm.so.46"),
        ("fatal", "fatal: Could not establish a configuration source"),
        ("old", "does not fit slurmctld"),
    ],
)
def test_only_what_does_not_pass_speaks_against_pyslurm(
    open_pyslurm: Open, how: str, problem: str
) -> None:
    found = open_pyslurm(how).problem(10)
    assert problem in found
    assert bool(found) == bool(problem)


def test_a_slow_slurmctld_does_not_speak_against_pyslurm(open_pyslurm: Open) -> None:
    assert open_pyslurm("hang").problem(0.5) == ""


def test_close_closes_the_commands_too(open_pyslurm: Open) -> None:
    closed: list[bool] = []

    class Sbatch(FakeBackend):
        def close(self) -> None:
            closed.append(True)

    backend = open_pyslurm(commands=lambda _: Sbatch())
    backend.submit(spec(HINT))
    backend.close()
    assert closed
