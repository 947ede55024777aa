"""verdict, locks, housekeeper, identity, capacity, container_files, container_status."""

import threading
from datetime import UTC, datetime

import pytest

from slurm_plugin.errors import InvalidRequest
from slurm_plugin.jobs import verdict
from slurm_plugin.jobs.container_files import ContainerFile, parse_state
from slurm_plugin.jobs.container_status import at
from slurm_plugin.jobs.housekeeper import Housekeeper
from slurm_plugin.jobs.identity import PodKey, key_of, key_of_directory, pod_key
from slurm_plugin.jobs.locks import PodLocks
from slurm_plugin.slurm.base import JobInfo
from slurm_plugin.slurm.states import JobState
from tests.fakes.pods import UID


@pytest.mark.parametrize("state", list(JobState))
@pytest.mark.parametrize(("exit_code", "signal"), [(0, 0), (0, 15), (3, 0)])
def test_only_completed_means_exit_code_0(state, exit_code, signal):
    code = verdict.exit_code(JobInfo(1, state, exit_code=exit_code, signal=signal))
    assert (code == 0) == (state is JobState.COMPLETED)
    assert 0 <= code <= 255


def test_signals_count_as_the_shell_counts_them():
    assert verdict.exit_code(JobInfo(1, JobState.FAILED, signal=9)) == 137


@pytest.mark.parametrize(
    ("state", "reason", "code"),
    [
        (JobState.OUT_OF_MEMORY, "OOMKilled", 137),
        (JobState.TIMEOUT, "DeadlineExceeded", 143),
        (JobState.CANCELLED, "Cancelled", 143),
        (JobState.NODE_FAIL, "NodeLost", 1),
    ],
)
def test_states_have_kubernetes_words(state, reason, code):
    job = JobInfo(1, state)
    assert (verdict.reason(job), verdict.exit_code(job)) == (reason, code)


def test_the_story_names_state_time_node_job_and_remedy():
    job = JobInfo(123, JobState.TIMEOUT, start_time=1000, end_time=4661, nodes="n2")
    assert verdict.story(job) == (
        "TIMEOUT after 01:01:01 on n2 (job 123); "
        "ask for more time (activeDeadlineSeconds or --time)"
    )


def test_the_story_leaves_out_a_time_that_makes_no_sense():
    job = JobInfo(1, JobState.FAILED, start_time=10, end_time=5)
    assert verdict.story(job) == "FAILED (job 1)"


def test_a_pods_lock_keeps_others_out_and_is_forgotten_when_free():
    locks = PodLocks()
    got_in = threading.Event()

    def enter() -> None:
        with locks.hold("a"):
            got_in.set()

    other = threading.Thread(target=enter)
    with locks.hold("a"):
        other.start()
        assert not got_in.wait(0.05)
        assert locks.busy("a")
        with locks.hold("b"):
            pass
    other.join(5)
    assert got_in.is_set()
    assert not locks.busy("a")


def test_a_lock_is_free_after_an_error():
    locks = PodLocks()
    with pytest.raises(ZeroDivisionError), locks.hold("a"):
        raise ZeroDivisionError
    assert not locks.busy("a")


def test_a_chore_that_fails_runs_again_and_does_not_stop_the_others():
    done = threading.Event()
    runs = []

    def bad() -> None:
        runs.append(1)
        raise ZeroDivisionError

    keeper = Housekeeper([bad, lambda: done.set() if len(runs) > 1 else None], interval=0.01)
    keeper.start()
    try:
        assert done.wait(5)
    finally:
        keeper.close()


def test_wake_begins_a_round_at_once():
    rounds = threading.Semaphore(0)
    keeper = Housekeeper([rounds.release], interval=3600)
    keeper.start()
    try:
        assert rounds.acquire(timeout=5)
        keeper.wake()
        assert rounds.acquire(timeout=5)
    finally:
        keeper.close()


def test_a_housekeeper_that_never_started_can_be_closed():
    Housekeeper([]).close()


@pytest.mark.parametrize(
    ("namespace", "uid", "field"),
    [
        ("../etc", UID, "metadata.namespace"),
        ("", UID, "metadata.namespace"),
        (None, UID, "metadata.namespace"),
        ("default\n", UID, "metadata.namespace"),
        ("default", "..", "metadata.uid"),
        ("default", None, "metadata.uid"),
        ("default", UID.upper(), "metadata.uid"),
        ("default", UID + "\n", "metadata.uid"),
        ("default", UID + "/x", "metadata.uid"),
    ],
)
def test_names_that_kubernetes_would_not_send_are_refused(namespace, uid, field):
    with pytest.raises(InvalidRequest, match=field):
        pod_key(namespace, uid)


def test_a_pod_without_metadata_is_refused():
    with pytest.raises(InvalidRequest, match="metadata"):
        key_of(None)


@pytest.mark.parametrize("uid", [UID, UID.replace("-", "")])
@pytest.mark.parametrize("namespace", ["default", "a-b", "x"])
def test_a_directory_name_gives_its_key_back(namespace, uid):
    key = PodKey(namespace, uid)
    assert key_of_directory(key.directory_name) == key


@pytest.mark.parametrize("name", [".deleted", "lost+found", UID, f"-{UID}", f"A-{UID}", ""])
def test_other_directories_are_nobodys(name):
    assert key_of_directory(name) is None


def test_a_state_file_is_read_whole():
    text = b"job=7\nrequeue=1\nrestarts=2\nstarted=100\nready=0\nfinished=200\nexit=143\n"
    text += b"signal=15\nreason=Error\nmessage=a=b\nunknown=1\n"
    assert parse_state(text) == ContainerFile(7, 1, 2, 100, False, 200, 143, 15, "Error", "a=b")


@pytest.mark.parametrize(
    "value", [b"-1", b"256", b"1.0", b"", b" 0", b"0x1", "٣".encode(), b"9" * 5000, b"\xff"]
)
def test_an_unreadable_exit_code_counts_as_absent(value):
    assert parse_state(b"exit=" + value).exit_code is None


@pytest.mark.parametrize("key", ["started", "finished", "job", "requeue", "restarts", "signal"])
def test_numbers_that_no_answer_can_hold_count_as_absent(key):
    assert parse_state(f"{key}={'9' * 5000}".encode()) == ContainerFile()


def test_the_number_of_restarts_fits_the_clients_integer():
    assert parse_state(b"restarts=4294967296").restarts == 0


def test_a_long_message_is_cut():
    assert len(parse_state(b"message=" + b"x" * 100_000).message) == 1000


@pytest.mark.parametrize("epoch", [None, -1, 10**12, float("inf")])
def test_times_that_no_date_can_say_are_left_out(epoch):
    assert at(epoch) is None


def test_times_carry_their_zone():
    assert at(0) == datetime(1970, 1, 1, tzinfo=UTC)
