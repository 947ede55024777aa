"""What goes to pyslurm, and what is made of its answers and errors."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from slurm_plugin.errors import BackendUnavailable, InvalidRequest, SlurmRefused, UnexpectedAnswer
from slurm_plugin.slurm.base import JobSpec, SbatchOption
from slurm_plugin.slurm.native import capi
from slurm_plugin.slurm.states import JobState

Make = Callable[..., Any]


def spec(*options: SbatchOption, **changes: Any) -> JobSpec:
    fields: dict[str, Any] = {
        "name": "uid-1",
        "comment": "pod ns/p",
        "script": "#!/bin/bash\n",
        "output": "/data/50%/job.out",
        "work_dir": "/data",
        "environment": {"PATH": "/usr/bin:/bin"},
    }
    return JobSpec(**{**fields, **changes}, options=options)


def test_a_job_is_sent_whole(cluster: Any) -> None:
    assert capi.submit(spec(SbatchOption("partition", "gpu"), uid=1234, gid=99)) == 4711
    sent = cluster.submitted[0]
    assert {k: sent[k] for k in ("name", "comment", "script", "partitions", "user_id")} == {
        "name": "uid-1",
        "comment": "pod ns/p",
        "script": "#!/bin/bash\n",
        "partitions": "gpu",
        "user_id": 1234,
    }
    assert sent["group_id"] == 99
    assert sent["standard_output"] == "/data/50%%/job.out"
    assert sent["working_directory"] == "/data"


def test_without_uid_the_job_is_the_plugins_own(cluster: Any) -> None:
    capi.submit(spec())
    assert cluster.submitted[0]["user_id"] == os.getuid()
    assert cluster.submitted[0]["group_id"] == os.getgid()


def test_no_variable_of_the_service_reaches_the_job(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JWT", "secret")
    monkeypatch.setenv("OTHER", "secret")
    capi.submit(spec())
    assert set(cluster.submitted[0]["environment"]) == {
        "PATH",
        "SLURM_SUBMIT_DIR",
        "SLURM_SUBMIT_HOST",
    }


def test_a_refused_submission_keeps_slurms_words(cluster: Any, rpc_error: Any) -> None:
    cluster.errors["submit"] = rpc_error(2000, "Invalid partition name specified")
    with pytest.raises(SlurmRefused, match=r"^Invalid partition name specified$"):
        capi.submit(spec())


def test_a_submission_whose_answer_is_lost_has_an_unknown_outcome(
    cluster: Any, rpc_error: Any
) -> None:
    cluster.errors["submit"] = rpc_error(5004, "Socket timed out on send/recv operation")
    with pytest.raises(BackendUnavailable) as lost:
        capi.submit(spec())
    assert lost.value.outcome_unknown


def test_a_submission_that_never_left_has_a_known_outcome(cluster: Any, rpc_error: Any) -> None:
    cluster.errors["submit"] = rpc_error(1800, "Unable to contact slurm controller")
    with pytest.raises(BackendUnavailable) as away:
        capi.submit(spec())
    assert not away.value.outcome_unknown


def test_what_pyslurm_itself_refuses_is_a_bad_request(cluster: Any) -> None:
    cluster.errors["submit"] = ValueError("Batch script contains DOS line breaks")
    with pytest.raises(InvalidRequest, match="DOS line breaks"):
        capi.submit(spec())


def test_one_job_is_asked_for_by_id_and_several_by_the_whole_queue(
    cluster: Any, make_job: Make
) -> None:
    cluster.jobs = {number: make_job(number) for number in (1, 2, 3)}
    assert set(capi.query([2])) == {2}
    assert cluster.calls == ["load"]
    assert set(capi.query([1, 9])) == {1}
    assert cluster.calls == ["load", "load all"]


def test_queries_tell_no_names(cluster: Any, make_job: Make) -> None:
    cluster.jobs = {n: make_job(n, comment="c") for n in (1, 2)}
    for ids in ([1], [1, 2]):
        assert {(job.name, job.comment) for job in capi.query(ids).values()} == {("", "")}


def test_an_unknown_job_is_none_and_another_error_is_an_error(cluster: Any, rpc_error: Any) -> None:
    assert capi.lookup(5) is None
    assert capi.query([5]) == {}
    cluster.errors["load"] = rpc_error(2002, "Access/permission denied")
    with pytest.raises(UnexpectedAnswer, match="permission denied"):
        capi.lookup(5)


def test_jobs_are_found_by_name_oldest_first(cluster: Any, make_job: Make) -> None:
    cluster.jobs = {n: make_job(n, name="mine" if n != 8 else "mine2") for n in (9, 8, 7)}
    assert [job.job_id for job in capi.find("mine")] == [7, 9]


def test_jobs_are_found_by_the_beginning_of_their_comment(cluster: Any, make_job: Make) -> None:
    cluster.jobs = {
        1: make_job(1, comment="plugin pod a"),
        2: make_job(2, comment=None),
        3: make_job(3, comment="no plugin pod"),
    }
    assert [(job.job_id, job.comment) for job in capi.marked("plugin")] == [(1, "plugin pod a")]


class _Foreign:
    """A job whose texts are no UTF-8, as any user can make one."""

    id = 1

    def __getattr__(self, name: str) -> Any:
        b"\xff".decode()


def test_a_foreign_job_with_a_broken_name_disturbs_nobody(cluster: Any, make_job: Make) -> None:
    cluster.jobs = {1: _Foreign(), 2: make_job(2, name="mine", comment="plugin")}
    assert [job.job_id for job in capi.find("mine")] == [2]
    assert [job.job_id for job in capi.marked("plugin")] == [2]


def test_only_running_jobs_are_signalled_and_only_their_script(
    cluster: Any, make_job: Make
) -> None:
    cluster.jobs = {
        1: make_job(1),
        2: make_job(2, state="PENDING"),
        3: make_job(3, state="COMPLETED"),
        4: make_job(4, state="COMPLETING"),
    }
    capi.signal([1, 2, 3, 4, 5], 10)
    assert cluster.told == [(1, 10, "batch")]


def test_a_stale_errno_after_a_signal_is_no_error(
    cluster: Any, rpc_error: Any, make_job: Make
) -> None:
    cluster.jobs = {1: make_job(1)}
    cluster.errors["signal"] = rpc_error(11, "Resource temporarily unavailable")
    capi.signal([1], 10)
    assert cluster.told == [(1, 10, "batch")]


@pytest.mark.parametrize("state", ["CANCELLED", "COMPLETING", "COMPLETED"])
def test_a_stale_errno_after_a_cancel_is_no_error_when_the_job_ends(
    cluster: Any, rpc_error: Any, make_job: Make, state: str
) -> None:
    cluster.jobs = {1: make_job(1, state=state)}
    cluster.errors["cancel"] = rpc_error(11, "Resource temporarily unavailable")
    capi.cancel([1, 2])
    assert cluster.told == [(1, "cancel"), (2, "cancel")]


def test_a_job_that_may_not_be_cancelled_is_refused(
    cluster: Any, rpc_error: Any, make_job: Make
) -> None:
    cluster.jobs = {1: make_job(1)}
    cluster.errors["cancel"] = rpc_error(2010, "Access/permission denied")
    with pytest.raises(SlurmRefused, match="permission denied"):
        capi.cancel([1])


def test_a_cancel_without_slurmctld_has_an_unknown_outcome(cluster: Any, rpc_error: Any) -> None:
    away = rpc_error(5004, "Socket timed out on send/recv operation")
    cluster.errors = {"cancel": away, "load": away}
    with pytest.raises(BackendUnavailable) as lost:
        capi.cancel([1])
    assert lost.value.outcome_unknown


def test_history_asks_by_id_and_window(cluster: Any, make_job: Make) -> None:
    cluster.archive = {1: make_job(1, state="COMPLETED"), 2: make_job(2)}
    found = capi.history([1, 9], 100, 200)
    assert {number: job.state for number, job in found.items()} == {1: JobState.COMPLETED}
    assert {"ids": [1, 9], "start_time": 100, "end_time": 200} in cluster.calls


def test_without_accounting_there_is_no_history(cluster: Any, rpc_error: Any) -> None:
    cluster.errors["archive"] = rpc_error(-1, "Failed to open connection to slurmdbd")
    for kind in (None, "accounting_storage/none"):
        cluster.accounting = kind
        assert capi.history([1], 0, 1) == {}


def test_slurmdbd_away_is_unavailable(cluster: Any, rpc_error: Any) -> None:
    cluster.errors["archive"] = rpc_error(-1, "Failed to get Jobs from slurmdbd")
    with pytest.raises(BackendUnavailable, match="slurmdbd") as away:
        capi.history([1], 0, 1)
    assert not away.value.outcome_unknown


def test_a_worker_loads_nothing_heavy_and_no_pyslurm_until_asked() -> None:
    code = (
        "import sys, slurm_plugin.slurm.native.capi; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pydantic", "falcon", "msgspec", "kubernetes", "opentelemetry", "yaml", "pyslurm"}
    assert heavy.isdisjoint(done.stdout.split())


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", ""),
        ("x: error: one\nx: error: two\n", "x: error: two"),
        ("x: fatal: no conf\n\nx: bye\n", "x: fatal: no conf"),
    ],
)
def test_the_last_words_are_the_most_telling_line(tmp_path: Any, written: str, told: str) -> None:
    path = tmp_path / "stderr"
    path.write_text(written)
    assert capi.last_words(str(path)) == told
    assert capi.last_words(str(tmp_path / "none")) == ""
