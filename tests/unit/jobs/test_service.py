"""Create, status and delete of pods, with SLURM present, away, slow and refusing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.errors import BackendUnavailable, InvalidRequest, SlurmRefused, StorageFailed
from slurm_plugin.jobs.identity import PodKey
from slurm_plugin.slurm.states import JobState
from tests.fakes.fake_backend import INVALID_PARTITION, away
from tests.fakes.faulty_files import FaultyFiles
from tests.fakes.pods import KEY, UID, create_of, pod_of, uid_of
from tests.fakes.world import World

FLAGS = "slurm-job.vk.io/flags"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path / "jobs")
    made.boot()
    yield made
    made.close()


def _end(world):
    (status,) = world.plugin.pods.statuses([pod_of()])
    return status.containers[0].state.terminated


def test_a_created_pod_is_one_job_with_its_name_and_mark(world):
    record = world.plugin.pods.create(create_of())
    assert record.jid == "1"
    job = world.backend.job(1)
    folder = world.plugin.store.folder_id
    assert (job.name, job.comment) == (UID, f"slurm-plugin pod default/demo {UID} in {folder}")
    assert world.directories() == [KEY.directory_name]


def test_creating_again_answers_with_the_job_that_exists(world):
    first = world.plugin.pods.create(create_of())
    assert world.plugin.pods.create(create_of()) == first
    world.boot()
    assert world.plugin.pods.create(create_of()) == first
    assert world.backend.calls["submit"] == 1


def test_many_creates_of_one_pod_at_once_make_one_job(world):
    world.backend.delay("submit", 0.05)
    with ThreadPoolExecutor(16) as pool:
        jids = {r.jid for r in pool.map(lambda _: world.plugin.pods.create(create_of()), range(16))}
    assert jids == {"1"}
    assert world.backend.calls["submit"] == 1


def test_what_slurm_refuses_is_an_error_and_leaves_nothing(world):
    request = create_of(annotations={FLAGS: "--partition=nosuch"})
    with pytest.raises(SlurmRefused, match=INVALID_PARTITION):
        world.plugin.pods.create(request)
    assert world.directories() == []
    assert world.plugin.pods.figures() == {"pods_kept": 0, "pods_ending": 0}


def test_a_request_that_cannot_become_a_job_leaves_nothing(world):
    with pytest.raises(InvalidRequest):
        world.plugin.pods.create(create_of(containers=()))
    assert world.directories() == []
    assert world.backend.calls["submit"] == 0


def test_while_slurm_is_away_a_pod_is_accepted_and_submitted_later_exactly_once(world):
    world.backend.go_away()
    record = world.plugin.pods.create(create_of())
    assert record.jid == UID
    (status,) = world.plugin.pods.statuses([pod_of()])
    assert status.containers[0].state.waiting
    world.rounds(100)
    assert world.backend.job_ids() == []
    world.backend.come_back()
    world.rounds(40)
    assert world.backend.job_ids(UID) == [1]
    assert world.plugin.pods.create(create_of()).jid == "1"
    assert world.plugin.pods.figures()["pods_kept"] == 0


def test_a_pod_that_slurm_refuses_later_ends_with_slurms_words(world):
    world.backend.go_away()
    world.plugin.pods.create(create_of(annotations={FLAGS: "--partition=nosuch"}))
    world.backend.come_back()
    world.rounds(40)
    end = _end(world)
    assert end is not None
    assert end.exit_code == 1
    assert INVALID_PARTITION in end.message
    assert world.backend.job_ids() == []


def test_one_pods_trouble_does_not_hold_up_the_others(world):
    world.backend.go_away()
    pods = [create_of(uid_of(n)) for n in range(3)]
    for pod in pods:
        world.plugin.pods.create(pod)
    (world.root / PodKey("default", uid_of(0)).directory_name / "job.slurm").unlink()
    world.backend.come_back()
    world.rounds(60)
    assert world.backend.job_ids(uid_of(1)) == [1]
    assert world.backend.job_ids(uid_of(2)) == [2]


def test_creates_beyond_those_that_may_wait_are_kept_without_waiting(tmp_path):
    world = World(tmp_path / "jobs", service=ServiceSettings(threads=4))
    world.boot()
    entered = threading.Semaphore(0)
    go_on = threading.Event()
    submit = world.backend.submit

    def hang(spec):
        entered.release()
        assert go_on.wait(10)
        return submit(spec)

    world.backend.submit = hang
    try:
        with ThreadPoolExecutor(3) as pool:
            waiting = [
                pool.submit(world.plugin.pods.create, create_of(uid_of(n))) for n in range(3)
            ]
            for _ in waiting:
                assert entered.acquire(timeout=5)
            assert world.plugin.pods.create(create_of()).jid == UID
            go_on.set()
            assert sorted(f.result(5).jid for f in waiting) == ["1", "2", "3"]
        world.rounds(2)
        assert world.backend.job_ids(UID) == [4]
    finally:
        world.close()


def test_a_deleted_pod_is_cancelled_and_its_files_removed(world):
    world.plugin.pods.create(create_of())
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.plugin.pods.delete(pod_of())
    world.rounds(20)
    assert world.backend.job(1).state is JobState.CANCELLED
    assert world.directories() == []
    world.plugin.pods.delete(pod_of())


def test_a_delete_before_the_submission_prevents_it(world):
    world.backend.go_away()
    world.plugin.pods.create(create_of())
    world.plugin.pods.delete(pod_of())
    assert world.plugin.pods.figures() == {"pods_kept": 0, "pods_ending": 1}
    world.backend.come_back()
    world.rounds(60)
    assert world.backend.job_ids() == []
    assert world.directories() == []


def test_a_delete_while_slurm_is_away_is_carried_out_after_a_restart(world):
    world.plugin.pods.create(create_of())
    world.backend.go_away()
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.rounds(10)
    world.boot()
    assert world.plugin.pods.figures()["pods_ending"] == 1
    world.backend.come_back()
    world.rounds(30)
    assert world.backend.job(1).state is JobState.CANCELLED
    assert world.directories() == []


def test_deleting_an_unknown_pod_is_fine(world):
    world.plugin.pods.delete(pod_of())
    assert world.backend.calls.total() == 0


def test_a_create_that_comes_after_the_delete_submits_nothing(world):
    world.plugin.pods.delete(pod_of())
    assert world.plugin.pods.create(create_of()).jid == UID
    world.boot()
    assert world.plugin.pods.create(create_of()).jid == UID
    world.rounds(10)
    assert world.backend.calls["submit"] == 0
    assert world.directories() == []


def test_an_unknown_pod_is_in_doubt_until_the_folder_was_looked_through(world):
    with pytest.raises(BackendUnavailable):
        _end(world)
    world.clock.advance(120)
    with world.plugin.pods._locks.hold(UID), pytest.raises(BackendUnavailable):
        _end(world)
    end = _end(world)
    assert end is not None
    assert end.exit_code == 1
    world.boot(recover=False)
    assert not world.plugin.pods.recovered()
    with pytest.raises(BackendUnavailable):
        _end(world)
    world.clock.advance(120)
    with pytest.raises(BackendUnavailable):
        _end(world)


def test_a_pod_in_doubt_is_left_out_and_the_others_are_answered(world):
    world.plugin.pods.create(create_of())
    answers = world.plugin.pods.statuses([pod_of(uid_of(1)), pod_of()])
    assert [answer.uid for answer in answers] == [UID]


def test_a_full_disk_refuses_the_create_and_leaves_nothing(tmp_path):
    world = World(tmp_path / "jobs")
    world.boot()
    try:
        counting = FaultyFiles()
        world.boot(counting)
        world.plugin.pods.create(create_of(uid_of(1)))
        before = len(counting.changes)
        for at in range(1, before):
            world.boot(FaultyFiles(at))
            try:
                world.plugin.pods.create(create_of())
            except StorageFailed:
                assert world.backend.job_ids(UID) == []
            else:
                pytest.fail(f"the create was answered without {counting.changes[at - 1]}")
            assert world.directories() == [PodKey("default", uid_of(1)).directory_name]
    finally:
        world.close()


def test_the_folder_is_looked_through_again_when_that_failed(world, monkeypatch):
    plugin = world.boot(recover=False)
    failures = iter([True, False])
    keys = plugin.store.keys

    def flaky():
        if next(failures):
            raise StorageFailed("stale file handle")
        return keys()

    monkeypatch.setattr(plugin.store, "keys", flaky)
    monkeypatch.setattr("slurm_plugin.jobs.service._RECOVERY_PAUSE", 0.0)
    plugin.pods._recover()
    assert plugin.pods.recovered()


def test_a_started_plugin_works_on_its_own(tmp_path):
    world = World(tmp_path / "jobs")
    world.boot(recover=False)
    plugin = world.plugin
    plugin.start()
    try:
        world.backend.fail_next("submit", away(), times=1000)
        plugin.pods.create(create_of())
        world.backend._faults.clear()
        submitted = threading.Event()
        original = world.backend.submit

        def noted(spec):
            job = original(spec)
            submitted.set()
            return job

        world.backend.submit = noted
        world.clock.advance(60)
        plugin.pods._housekeeper.wake()
        assert submitted.wait(10)
        plugin.check_ready()
        assert plugin.system_info()["status"] == "ok"
    finally:
        plugin.close()
    assert world.backend.closed


def test_the_record_outlives_a_power_cut_before_slurm_is_asked(tmp_path, monkeypatch):
    world, files = World(tmp_path / "jobs"), FaultyFiles()
    world.boot(files)
    before = []
    submit = world.backend.submit

    def noted(spec):
        before.extend(files.changes)
        return submit(spec)

    monkeypatch.setattr(world.backend, "submit", noted)
    world.plugin.pods.create(create_of())
    assert before[-3:] == [
        "write record.json",
        f"sync_directory {KEY.directory_name}",
        "sync_directory jobs",
    ]
    world.close()


def test_a_damaged_record_is_the_trouble_of_one_pod(world):
    world.backend.go_away()
    world.plugin.pods.create(create_of(uid_of(1)))
    world.plugin.pods.create(create_of())
    damaged = world.root / PodKey("default", uid_of(1)).directory_name / "record.json"
    damaged.write_text("{")
    world.backend.come_back()
    world.boot()
    world.rounds(10)
    assert world.plugin.pods.recovered()
    assert world.backend.job_ids(UID) == [1]
    with pytest.raises(StorageFailed, match="damaged"):
        world.plugin.pods.create(create_of(uid_of(1)))
    assert world.backend.job_ids(uid_of(1)) == []


def test_a_full_disk_does_not_stop_a_delete(tmp_path):
    world, files = World(tmp_path / "jobs"), FaultyFiles()
    world.boot(files)
    world.plugin.pods.create(create_of())
    write = files.write

    def full(path, content, **options):
        raise StorageFailed(f"{path}: No space left on device")

    files.write = full
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.rounds(20)
    assert world.backend.job(1).state is JobState.CANCELLED
    assert world.directories() == []
    assert world.plugin.pods.create(create_of()).jid == UID
    files.write = write
    world.rounds(130)
    world.boot()
    assert world.plugin.pods.create(create_of()).jid == UID
    assert world.backend.job_ids() == [1]
    world.close()


def test_an_unforeseen_error_in_a_submission_loses_nothing_and_doubles_nothing(world, caplog):
    world.backend.fail_next("submit", ZeroDivisionError("defect"), after_effect=True)
    assert world.plugin.pods.create(create_of()).jid == "1"
    assert world.backend.calls["submit"] == 1
    assert "unforeseen" in caplog.text


def test_an_unforeseen_error_with_one_pod_does_not_hold_up_the_others(world, monkeypatch):
    world.backend.go_away()
    for number in range(3):
        world.plugin.pods.create(create_of(uid_of(number)))
    script = world.plugin.pods._submitter.script

    def broken(key):
        if key.uid == uid_of(0):
            raise ZeroDivisionError("defect")
        return script(key)

    monkeypatch.setattr(world.plugin.pods._submitter, "script", broken)
    world.backend.come_back()
    world.rounds(60)
    assert len(world.backend.job_ids(uid_of(1))) == 1
    assert len(world.backend.job_ids(uid_of(2))) == 1
    monkeypatch.undo()
    world.rounds(60)
    assert len(world.backend.job_ids(uid_of(0))) == 1


def test_a_forced_delete_shortens_the_grace_of_the_first(world):
    world.plugin.pods.create(create_of())
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=600))
    world.rounds(10)
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=900))
    world.rounds(10)
    assert world.backend.job(1).state is JobState.RUNNING
    world.plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
    world.rounds(5)
    assert world.backend.job(1).state is JobState.CANCELLED


def test_a_slow_accounting_delays_nobody(tmp_path):
    world = World(tmp_path / "jobs")
    world.boot(recover=False)
    asked, go_on = threading.Event(), threading.Event()

    def slow(job_ids, since, until):
        asked.set()
        assert go_on.wait(20)
        return {}

    world.backend.history = slow
    plugin = world.plugin
    plugin.start()
    try:
        plugin.pods._observer._archive.job(99, 0.0)
        assert asked.wait(10)
        plugin.pods.create(create_of())
        plugin.pods.delete(pod_of(deletionGracePeriodSeconds=0))
        for _ in range(100):
            if world.backend.job(1).state is JobState.CANCELLED:
                break
            threading.Event().wait(0.05)
        assert world.backend.job(1).state is JobState.CANCELLED
    finally:
        go_on.set()
        plugin.close()
