"""A worker answers, overruns, dies and is replaced."""

import json
import operator
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slurm_plugin.errors import BackendUnavailable, SlurmRefused, UnexpectedAnswer
from slurm_plugin.slurm.native.workers import Worker
from tests.unit.slurm.native import calls


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker("/some/slurm.conf")
    yield made
    made.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_dead(pid: int) -> None:
    deadline = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_calls_run_one_after_the_other_in_one_other_process(worker: Worker) -> None:
    pids = {worker.call(os.getpid, 10) for _ in range(3)}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert worker.replaced == 0


def test_the_process_knows_slurm_conf_and_starts_no_pyslurm_by_itself(worker: Worker) -> None:
    assert worker.call(calls.variable, 10, "SLURM_CONF") == "/some/slurm.conf"
    assert worker.call(calls.variable, 10, "PYSLURM_DISABLE_AUTO_INIT") == "1"


def test_our_own_errors_arrive_whole(worker: Worker) -> None:
    with pytest.raises(SlurmRefused, match=r"^Invalid account$"):
        worker.call(calls.refuse, 10)
    with pytest.raises(BackendUnavailable) as lost:
        worker.call(calls.lose_the_answer, 10)
    assert (lost.value.outcome_unknown, lost.value.retry_after) == (True, 7)
    assert worker.replaced == 0


def test_other_errors_become_an_unexpected_answer_that_names_them(worker: Worker) -> None:
    with pytest.raises(UnexpectedAnswer, match="JSONDecodeError"):
        worker.call(json.loads, 10, "{")


def test_a_call_that_overruns_is_killed_and_the_next_one_works(worker: Worker) -> None:
    pid = worker.call(os.getpid, 10)
    begun = time.monotonic()
    with pytest.raises(BackendUnavailable, match=r"did not answer within 0\.3 s") as late:
        worker.call(time.sleep, 0.3, 60)
    assert time.monotonic() - begun < 1
    assert late.value.outcome_unknown
    wait_until_dead(pid)
    assert worker.call(os.getpid, 10) != pid
    assert (worker.replaced, worker.fatal) == (1, "")


def test_a_call_that_holds_the_gil_is_killed_as_fast(worker: Worker) -> None:
    pid = worker.call(os.getpid, 10)
    with pytest.raises(BackendUnavailable):
        worker.call(sum, 0.3, range(10**12))
    begun = time.monotonic()
    wait_until_dead(pid)
    assert time.monotonic() - begun < 1.5


def test_a_call_given_up_while_it_waited_is_never_carried_out(
    worker: Worker, tmp_path: Path
) -> None:
    worker.call(os.getpid, 10)
    earlier = threading.Thread(target=worker.call, args=(time.sleep, 10, 1))
    earlier.start()
    time.sleep(0.3)
    begun = time.monotonic()
    with pytest.raises(BackendUnavailable):
        worker.call(Path.touch, 0.2, tmp_path / "submitted")
    assert time.monotonic() - begun < 0.6
    earlier.join()
    worker.call(os.getpid, 10)
    assert not (tmp_path / "submitted").exists()


def test_a_process_that_ends_tells_its_last_words_and_is_replaced(worker: Worker) -> None:
    with pytest.raises(BackendUnavailable, match="ended: x: fatal: no settings") as died:
        worker.call(calls.die, 10, "x: fatal: no settings\nx: bye\n")
    assert died.value.outcome_unknown
    assert worker.fatal == "x: fatal: no settings"
    assert worker.call(operator.add, 10, 2, 3) == 5
    assert worker.replaced == 1


def test_a_process_that_ends_in_silence_tells_its_exit_code(worker: Worker) -> None:
    with pytest.raises(BackendUnavailable, match="exit code 3"):
        worker.call(os._exit, 10, 3)


def test_words_of_an_earlier_call_are_not_taken_for_this_ones(worker: Worker) -> None:
    worker.call(calls.write, 10, "x: error: long ago\n")
    with pytest.raises(BackendUnavailable, match="exit code 3"):
        worker.call(os._exit, 10, 3)


def test_many_threads_share_one_worker(worker: Worker) -> None:
    answers: list[int] = []

    def ask(number: int) -> None:
        answers.append(worker.call(operator.neg, 20, number))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(-19, 1))


def test_close_ends_the_process_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    worker = Worker()
    pid = worker.call(os.getpid, 10)
    assert list(tmp_path.glob("slurm-plugin-worker-*"))
    worker.close()
    wait_until_dead(pid)
    assert list(tmp_path.glob("slurm-plugin-worker-*")) == []
    with pytest.raises(BackendUnavailable, match="stopping") as closed:
        worker.call(os.getpid, 10)
    assert not closed.value.outcome_unknown


def test_a_worker_that_cannot_begin_is_tried_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    worker = Worker()
    (words,) = tmp_path.iterdir()
    words.rename(tmp_path / "away")
    with pytest.raises((BackendUnavailable, UnexpectedAnswer)):
        worker.call(os.getpid, 3)
    (tmp_path / "away").rename(words)
    assert worker.call(operator.add, 10, 1, 1) == 2
    worker.close()
