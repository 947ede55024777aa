"""Restart policy, back-off, and the log of the run before."""

_COUNTS = "echo x >>$FAKE_POD/count; n=$(wc -l <$FAKE_POD/count); echo run $n; "


def test_on_failure_restarts_until_success(pod):
    pod.policy = "OnFailure"
    pod.shell.append("sp_first_backoff_seconds=1")
    pod.add("main", _COUNTS + "[ $n -eq 3 ]")
    assert pod.run() == 0
    state = pod.state("run-main")
    assert (state["restarts"], state["exit"], state["reason"]) == ("2", "0", "Completed")
    assert pod.read("run-main.out") == "run 3\n"
    assert pod.read("run-main.previous.out") == "run 2\n"


def test_never_does_not_restart(pod):
    pod.add("main", _COUNTS + "false")
    assert pod.run() == 1
    assert pod.state("run-main")["restarts"] == "0"


def test_always_restarts_after_success_too(pod):
    pod.policy = "Always"
    pod.shell.append("sp_first_backoff_seconds=1")
    pod.add("main", _COUNTS + "[ $n -lt 3 ] || exec sleep 100").start()
    pod.until(lambda: pod.state("run-main").get("restarts") == "2")
    pod.until(lambda: pod.state("run-main").get("ready") == "1")


def test_the_first_restart_is_immediate_and_the_second_waits(pod):
    pod.policy = "OnFailure"
    pod.shell.append("sp_first_backoff_seconds=2")
    pod.add("main", "date +%s >>$FAKE_POD/times; [ $(wc -l <$FAKE_POD/times) -eq 4 ]")
    assert pod.run() == 0
    one, two, three, four = map(int, pod.read("times").split())
    assert two - one <= 1
    assert 2 <= three - two <= 3
    assert 4 <= four - three <= 5


def test_while_it_waits_a_container_has_no_end_and_says_why(pod):
    pod.policy = "OnFailure"
    pod.shell.append("sp_first_backoff_seconds=60")
    pod.add("main", "exit 7").start()
    pod.until(lambda: "60 s" in pod.state("run-main").get("message", ""))
    state = pod.state("run-main")
    assert state["reason"] == "CrashLoopBackOff"
    assert state["ready"] == "0"
    assert "last exit code 7" in state["message"]
    assert not {"exit", "finished", "started"} & set(state)
    assert pod.read("run-main.status") == ""
    pod.terminate()
    assert pod.wait() == 7
    assert pod.state("run-main")["exit"] == "7"


def test_a_failed_init_container_is_restarted_unless_the_policy_is_never(pod):
    pod.policy = "Always"
    pod.add("first", _COUNTS + "[ $n -eq 2 ]", kind="init").add("main", "exec sleep 100").start()
    pod.until(lambda: pod.state("run-main").get("started"))
    assert pod.state("init-first")["restarts"] == "1"
    assert pod.state("init-first")["exit"] == "0"


def test_a_sidecar_may_be_restarted_though_the_pod_is_not(pod):
    pod.shell.append("sp_sidecar_restart_policy=Always")
    pod.add("side", _COUNTS + "[ $n -lt 2 ] || exec sleep 100", kind="sidecar")
    pod.add("main", "while [ $(wc -l <$FAKE_POD/count) -lt 2 ]; do sleep 0.1; done")
    assert pod.run() == 0
    assert pod.state("init-side")["restarts"] == "1"


def test_a_failed_image_pull_is_tried_again_when_restarts_are_wanted(pod):
    pod.policy = "OnFailure"
    pod.add("main", "echo pulled")
    pod.shell.append("sp_prepare_0() { echo x >>$FAKE_POD/n; [ $(wc -l <$FAKE_POD/n) -eq 2 ]; }")
    assert pod.run() == 0
    assert pod.state("run-main")["reason"] == "Completed"
    assert pod.read("run-main.out") == "pulled\n"
    assert pod.read("n") == "x\nx\n"
