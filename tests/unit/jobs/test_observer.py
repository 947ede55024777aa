"""What a pod's status is while SLURM, accounting and files each know only a part."""

import pytest

from slurm_plugin.errors import BackendUnavailable, InvalidRequest, StorageFailed
from slurm_plugin.jobs.archive import Archive
from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.locks import PodLocks
from slurm_plugin.jobs.observer import Observer, requested_containers
from slurm_plugin.jobs.record import Final
from slurm_plugin.jobs.same_job import SameJob
from slurm_plugin.jobs.store import PodStore
from slurm_plugin.pods.manifest import Pod, PodSpec
from slurm_plugin.slurm.states import JobFlag, JobState
from tests.fakes.fake_backend import away
from tests.fakes.pods import KEY, UID, pod_of, record_of, spec_of


class _Scene:
    def __init__(self, backend, store, tracker, clock):
        self.backend, self.store, self.tracker, self.clock = backend, store, tracker, clock
        self.archive = Archive(backend, clock)
        self.observer = Observer(
            store=store,
            locks=PodLocks(),
            tracker=tracker,
            archive=self.archive,
            same_job=SameJob(backend),
            clock=clock,
            lost_after=300,
        )
        store.directory(KEY).mkdir()
        self.job = backend.submit(spec_of())
        now = clock.now()
        self.save(record_of(phase="submitted", job_id=self.job, created=now, submitted=now))

    def save(self, pod):
        self.store.save(pod)

    def write(self, name, text):
        (self.store.directory(KEY) / name).write_text(text)

    def look(self, pod=None):
        record = self.store.load(KEY)
        assert record is not None
        return self.observer.status(KEY, record, pod or pod_of())

    def state(self):
        return self.look().containers[0].state

    def later(self, seconds):
        self.clock.advance(seconds)
        self.observer.ask_archive()


@pytest.fixture
def scene(backend, store, tracker, clock):
    return _Scene(backend, store, tracker, clock)


def test_the_answer_names_the_pod_and_its_job(scene):
    answer = scene.look()
    assert (answer.name, answer.uid, answer.namespace) == ("demo", UID, "default")
    assert (answer.jid, answer.init_containers) == (str(scene.job), None)


def test_a_container_runs_once_its_file_says_so(scene):
    waiting = scene.state().waiting
    assert waiting is not None
    assert waiting.reason == "ContainerCreating"
    scene.write("pod.state", f"job={scene.job}\nrequeue=0\nstarted=1\n")
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1800000900\n")
    assert scene.state().running is not None


def test_the_end_is_decided_once_and_outlives_a_restart(scene):
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1\nfinished=2\nexit=4\n")
    first = scene.look()
    scene.write("run-main.state", "exit=0\n")
    scene.backend.lose_job(scene.job)
    assert scene.look() == first
    record = PodStore(scene.store.directory(KEY).parent, Files()).load(KEY)
    assert record is not None
    assert scene.observer.status(KEY, record, pod_of()) == first
    end = first.containers[0].state.terminated
    assert end is not None
    assert end.exit_code == 4


def test_an_ended_pod_is_never_asked_about_again(scene):
    scene.backend.set_state(scene.job, JobState.FAILED, exit_code=2)
    assert scene.state().terminated
    queries = scene.backend.calls["query"]
    for _ in range(5):
        scene.later(60)
        scene.state()
    assert scene.backend.calls["query"] == queries
    assert scene.tracker.figures().tracked == 0


def test_before_slurms_first_word_nothing_is_made_up(scene):
    scene.backend.go_away()
    with pytest.raises(BackendUnavailable):
        scene.look()


def test_while_slurm_is_away_the_last_word_stands(scene):
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1\n")
    assert scene.state().running
    scene.backend.go_away()
    scene.later(3600)
    assert scene.state().running


def test_a_plugin_that_restarts_while_slurm_is_away_remembers_the_last_word(scene):
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1\n")
    scene.look()
    record = PodStore(scene.store.directory(KEY).parent, Files()).load(KEY)
    assert record is not None
    assert record.last_job is not None
    assert record.last_job.state is JobState.RUNNING


def test_a_job_that_left_the_queue_is_looked_up_in_accounting(scene):
    assert scene.state().waiting
    scene.backend.set_state(scene.job, JobState.TIMEOUT, signal=15)
    scene.backend.forget_ended()
    scene.later(3)
    assert not scene.state().terminated
    scene.later(3)
    end = scene.state().terminated
    assert end is not None
    assert end.exit_code == 143
    assert end.message.startswith("TIMEOUT")


def test_accounting_is_asked_for_all_missing_jobs_at_once_and_not_too_often(scene):
    for job in range(100, 120):
        scene.archive.job(job, scene.clock.now())
    scene.archive.refresh()
    scene.archive.refresh()
    assert scene.backend.calls["history"] == 1
    assert all(scene.archive.asked(job) for job in range(100, 120))
    scene.clock.advance(11)
    scene.archive.refresh()
    assert scene.backend.calls["history"] == 2


def test_more_missing_jobs_than_one_query_takes_all_get_their_turn(scene):
    for job in range(1000, 1450):
        scene.archive.job(job, scene.clock.now())
    for _ in range(3):
        scene.archive.refresh()
        scene.clock.advance(11)
    assert all(scene.archive.asked(job) for job in range(1000, 1450))


def test_an_accounting_that_is_late_is_asked_again(scene):
    """slurmdbd shows the job as running for a while after slurmctld forgot it."""
    scene.archive.job(scene.job, scene.clock.now())
    scene.archive.refresh()
    assert scene.archive.job(scene.job, scene.clock.now()) is None
    scene.backend.set_state(scene.job, JobState.COMPLETED)
    scene.later(11)
    found = scene.archive.job(scene.job, scene.clock.now())
    assert found is not None
    assert found.state is JobState.COMPLETED


def test_a_failed_accounting_query_proves_nothing(scene):
    scene.archive.job(5, scene.clock.now())
    scene.backend.fail_next("history", away())
    scene.archive.refresh()
    assert not scene.archive.asked(5)
    scene.clock.advance(11)
    scene.archive.refresh()
    assert scene.archive.asked(5)
    scene.archive.forget([5])
    assert not scene.archive.asked(5)


def test_a_job_that_nobody_knows_is_lost_only_after_a_while(scene):
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1\n")
    assert scene.state().running
    scene.backend.lose_job(scene.job)
    for _ in range(9):
        scene.later(30)
        assert scene.state().running
    for _ in range(3):
        scene.later(30)
        scene.look()
    end = scene.state().terminated
    assert end is not None
    assert (end.exit_code, end.reason) == (1, "JobLost")


def test_a_job_is_not_lost_while_accounting_does_not_answer(scene):
    scene.state()
    scene.backend.lose_job(scene.job)
    scene.backend.fail_next("history", away(), times=1000)
    for _ in range(30):
        scene.later(60)
        assert not scene.state().terminated


def test_a_lost_job_whose_container_left_its_code_is_judged_by_that(scene):
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1\nfinished=2\nexit=0\n")
    scene.backend.lose_job(scene.job)
    end = scene.state().terminated
    assert end is not None
    assert end.exit_code == 0


def test_a_requeued_job_waits_again(scene):
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1\n")
    assert scene.state().running
    scene.backend.set_state(scene.job, JobState.PENDING, JobFlag.REQUEUED, restarts=1)
    scene.later(3)
    waiting = scene.state().waiting
    assert waiting is not None
    assert "requeued once" in waiting.message
    scene.backend.set_state(scene.job, JobState.RUNNING, restarts=1, start_time=1_800_001_000)
    scene.later(3)
    assert not scene.state().terminated
    assert scene.look().containers[0].restart_count == 1


def test_a_pod_without_a_job_waits_and_says_why(scene):
    scene.save(record_of())
    waiting = scene.state().waiting
    assert waiting is not None
    assert "submitted when it answers" in waiting.message


def test_a_refused_pod_ends_with_slurms_words(scene):
    scene.save(record_of(phase="refused", message="Invalid qos"))
    end = scene.state().terminated
    assert end is not None
    assert (end.exit_code, end.message) == (1, "Invalid qos")


def test_a_pod_of_the_go_plugin_is_judged_by_its_files(scene):
    go = record_of(phase="submitted", job_id=scene.job, containers=[], spec=None, go_plugin=True)
    scene.save(go)
    scene.write("run-main.status", "3\n")
    end = scene.state().terminated
    assert end is not None
    assert end.exit_code == 3


def test_a_damaged_file_is_the_trouble_of_one_container(scene):
    (scene.store.directory(KEY) / "run-main.state").mkdir()
    assert scene.state().waiting


def test_a_stored_end_answers_for_containers_that_were_never_here(scene):
    first = record_of(phase="submitted", job_id=scene.job, final=Final(5.0, []))
    scene.save(first)
    answer = scene.look(pod_of(containers=("main", "other"), init=("first",)))
    assert [s.name for s in answer.containers] == ["main", "other"]
    assert [s.name for s in answer.init_containers or []] == ["first"]


def test_an_unknown_pod_is_in_doubt_before_it_counts_as_unknown(scene):
    with pytest.raises(BackendUnavailable):
        scene.observer.unknown(KEY, pod_of(), certain=True)
    scene.clock.advance(61)
    with pytest.raises(BackendUnavailable):
        scene.observer.unknown(KEY, pod_of(), certain=False)
    answer = scene.observer.unknown(KEY, pod_of(), certain=True)
    end = answer.containers[0].state.terminated
    assert end is not None
    assert end.exit_code == 1
    assert answer.name == "demo"


@pytest.mark.parametrize("pod", [Pod(), Pod(spec=PodSpec()), Pod(spec=PodSpec(containers=[]))])
def test_a_request_without_containers_is_refused_rather_than_answered_with_none(pod):
    with pytest.raises(InvalidRequest, match=r"spec\.containers"):
        requested_containers(pod)


def test_a_status_that_cannot_be_stored_is_answered_and_remembered(scene, monkeypatch):
    scene.backend.set_state(scene.job, JobState.FAILED, exit_code=2)

    def full(self, path, content, mode=0):
        raise StorageFailed("full")

    monkeypatch.setattr(Files, "write", full)
    first = scene.look()
    scene.backend.lose_job(scene.job)
    scene.clock.advance(3)
    assert scene.look() == first


def _given_again(scene, **changes):
    """slurmctld forgot the pod's job and gave its id to another one."""
    scene.clock.advance(5)
    theirs = {"name": "theirs", "comment": "", "submit_time": int(scene.clock.now())}
    scene.backend.set_state(scene.job, JobState.COMPLETED, **{**theirs, **changes})


def test_a_pod_does_not_speak_for_the_job_that_got_its_id(scene):
    assert scene.state().waiting or scene.state().running
    _given_again(scene)
    end = scene.state().terminated
    assert (end.exit_code, end.reason) == (1, "JobLost")
    assert "another job's" in end.message


def test_a_clock_behind_slurms_costs_one_look_for_each_job(scene):
    later = int(scene.clock.now()) + 100
    scene.backend.set_state(scene.job, JobState.RUNNING, submit_time=later)
    for _ in range(5):
        scene.clock.advance(3)
        assert scene.state().terminated is None
    assert scene.backend.calls["lookup"] == 1


def test_a_requeued_job_is_still_the_pods_without_looking(scene):
    _given_again(scene, comment=spec_of().comment, name=UID, restarts=1)
    assert scene.state().terminated.exit_code == 0
    assert scene.backend.calls["lookup"] == 0


def test_a_job_that_is_gone_before_it_is_looked_up_is_no_other_job(scene):
    scene.backend.set_state(scene.job, JobState.RUNNING, submit_time=int(scene.clock.now()) + 100)
    scene.tracker.track(scene.job)
    scene.tracker.current()
    scene.backend.lose_job(scene.job)
    assert scene.state().terminated is None


def test_what_has_its_turn_in_a_job_of_the_go_plugin_runs(scene):
    pod = pod_of(init=("first", "second"))
    scene.save(record_of(phase="submitted", job_id=scene.job, go_plugin=True, containers=[]))
    scene.backend.set_state(scene.job, JobState.RUNNING)
    first, second = scene.look(pod).init_containers
    assert first.state.running
    assert second.state.waiting
    assert scene.look(pod).containers[0].state.waiting
    scene.write("init-first.status", "0\n")
    scene.write("init-second.status", "0\n")
    assert scene.look(pod).containers[0].state.running
    scene.write("run-main.status", "5\n")
    assert scene.look(pod).containers[0].state.terminated.exit_code == 5


def test_files_of_a_run_before_the_requeue_do_not_speak_for_what_accounting_tells(scene):
    scene.state()
    scene.backend.set_state(scene.job, JobState.PENDING, JobFlag.REQUEUED, restarts=1)
    scene.later(3)
    assert scene.state().waiting
    scene.write("run-main.state", f"job={scene.job}\nrequeue=0\nstarted=1\nfinished=2\nexit=0\n")
    # sacct does not say how often a job was requeued.
    scene.backend.set_state(scene.job, JobState.CANCELLED, restarts=0)
    scene.backend.forget_ended()
    for _ in range(3):
        scene.later(12)
        scene.state()
    end = scene.state().terminated
    assert end is not None
    assert end.exit_code != 0
