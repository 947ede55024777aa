"""TERM, preStop, grace and KILL; requeue; killed scripts."""

import contextlib
import os
import time

_WAITS_FOR_TERM = "trap 'echo got term; exit 0' TERM; echo up; while :; do sleep 0.05; done"
_IGNORES_TERM = "trap '' TERM; echo up; while :; do sleep 0.05; done"


def _up(pod, name="main"):
    pod.start()
    pod.until(lambda: pod.state(f"run-{name}").get("requeue") == str(pod.requeue))
    pod.until(lambda: pod.read(f"run-{name}.out").startswith("up"))


def test_term_reaches_the_container_which_ends_with_its_own_code(pod):
    _up(pod.add("main", _WAITS_FOR_TERM))
    pod.terminate()
    assert pod.wait() == 0
    assert pod.read("run-main.out").endswith("got term\n")
    assert pod.state("run-main")["reason"] == "Completed"


def test_a_container_ended_by_term_is_reported_with_the_signal(pod):
    _up(pod.add("main", "echo up; exec sleep 100"))
    pod.terminate()
    assert pod.wait() == 143
    assert pod.state("run-main")["signal"] == "15"


def test_a_container_that_ignores_term_is_killed_when_the_grace_is_over(pod):
    pod.grace = 2
    _up(pod.add("main", _IGNORES_TERM))
    begin = time.monotonic()
    pod.terminate()
    assert pod.wait() == 137
    assert 1 <= time.monotonic() - begin <= 4
    assert pod.state("run-main")["reason"] == "Error"


def test_pre_stop_runs_before_term_and_its_output_stands_in_the_log(pod):
    _up(pod.add("main", _WAITS_FOR_TERM))
    pod.terminate()
    pod.wait()
    assert "pre" not in pod.read("run-main.out")
    pod.shell.append("sp_pre_stop_0() { sleep 0.5; echo pre stop; }")
    pod.requeue = 1
    _up(pod)
    pod.terminate()
    assert pod.wait() == 0
    log = pod.read("run-main.out")
    assert log.startswith("up\npre stop\n")
    assert log.endswith("got term\n")


def test_a_pre_stop_that_takes_too_long_ends_with_the_grace(pod):
    pod.grace = 1
    pod.shell.append("sp_pre_stop_0() { sleep 60; }")
    _up(pod.add("main", _WAITS_FOR_TERM))
    begin = time.monotonic()
    pod.terminate()
    assert pod.wait() == 0
    assert time.monotonic() - begin < 5
    assert pod.read("run-main.out").endswith("got term\n")


def test_containers_that_never_started_make_the_job_fail_at_term(pod):
    pod.add("first", _WAITS_FOR_TERM, kind="init").add("main", "true").start()
    pod.until(lambda: pod.read("init-first.out") == "up\n")
    pod.terminate()
    assert pod.wait() == 143
    assert pod.state("run-main") == {}


def test_term_during_the_image_pull_ends_the_pull(pod):
    pod.add("main", "true").shell.append("sp_prepare_0() { touch $FAKE_POD/pulling; sleep 100; }")
    pod.start()
    pod.until((pod.directory / "pulling").exists)
    pod.terminate()
    assert pod.wait() == 143
    assert pod.processes() == []


def test_sidecars_are_stopped_after_the_apps_at_term(pod):
    slow = "trap 'sleep 0.4; echo {0} >>$FAKE_POD/order; exit 0' TERM; echo up;"
    slow += "while :; do sleep 0.05; done"
    pod.add("side", slow.format("side"), kind="sidecar").add("main", slow.format("main"))
    _up(pod)
    pod.terminate()
    assert pod.wait() == 0
    assert pod.read("order") == "main\nside\n"


def test_a_requeued_job_keeps_the_old_log_and_starts_clean(pod):
    pod.add("main", "echo up; exec sleep 100")
    _up(pod)
    pod.until(lambda: pod.state("run-main"))
    pod.process.kill()
    pod.process.wait()
    for pid in pod.processes():
        with contextlib.suppress(ProcessLookupError):  # children follow their parents
            os.kill(pid, 9)
    assert "exit" not in pod.state("run-main")
    assert "exit" not in pod.state("pod")
    (pod.directory / "run-main.status").write_text("44\n")
    pod.requeue = 1
    pod.containers = [("main", "app", "cat $FAKE_POD/run-main.status; sleep 0.5; echo again")]
    pod.start()
    pod.until(lambda: pod.state("run-main").get("requeue") == "1")
    assert pod.wait() == 0
    assert pod.read("run-main.previous.out") == "up\n"
    assert pod.read("run-main.out").endswith("again\n")
    assert "44" not in pod.read("run-main.out")
    assert pod.state("pod")["requeue"] == "1"


def test_another_job_id_in_the_same_directory_starts_clean_too(pod):
    pod.add("main", "echo one").run()
    pod.job = 8
    pod.containers = [("main", "app", "echo two")]
    assert pod.run() == 0
    assert pod.read("run-main.previous.out") == "one\n"
    assert pod.read("run-main.out") == "two\n"
    assert pod.state("run-main")["job"] == "8"


def test_files_that_vanish_are_there_again_when_the_job_ends(pod):
    pod.add("main", "true").add("other", "sleep 0.5; rm -f $FAKE_POD/run-main.{state,status}")
    assert pod.run() == 0
    assert pod.read("run-main.status") == "0\n"
    assert pod.state("run-main")["exit"] == "0"
