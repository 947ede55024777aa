"""Order, state files and exit codes of containers."""

import time


def test_a_container_that_succeeds_leaves_its_log_state_and_status(pod):
    before = int(time.time())
    assert pod.add("main", "echo out; echo err >&2").run() == 0
    assert pod.read("run-main.out") == "out\nerr\n"
    assert pod.read("run-main.status") == "0\n"
    state = pod.state("run-main")
    assert state["job"] == "7"
    assert state["requeue"] == "0"
    assert state["restarts"] == "0"
    assert (state["exit"], state["reason"], state["ready"]) == ("0", "Completed", "0")
    assert "signal" not in state
    assert before <= int(state["started"]) <= int(state["finished"]) <= time.time()


def test_the_pod_state_names_node_times_and_exit_code(pod):
    assert pod.add("main", "exit 3").run() == 3
    state = pod.state("pod")
    assert state["node"]
    assert (state["job"], state["requeue"], state["exit"]) == ("7", "0", "3")
    assert int(state["started"]) <= int(state["finished"])


def test_a_running_container_is_seen_as_started_and_ready(pod):
    pod.add("main", "echo up; sleep 30").start()
    pod.until(lambda: pod.state("run-main").get("ready") == "1")
    assert "exit" not in pod.state("run-main")
    assert "finished" not in pod.state("pod")


def test_init_containers_run_one_after_the_other_before_the_apps(pod):
    pod.add("first", "sleep 0.3; echo 1 >>$FAKE_POD/order", kind="init")
    pod.add("second", "echo 2 >>$FAKE_POD/order", kind="init")
    pod.add("main", "echo 3 >>$FAKE_POD/order")
    assert pod.run() == 0
    assert pod.read("order") == "1\n2\n3\n"
    assert pod.read("init-first.status") == "0\n"


def test_a_failed_init_container_ends_the_pod_with_its_code(pod):
    pod.add("first", "exit 9", kind="init").add("second", "true", kind="init").add("main", "true")
    assert pod.run() == 9
    assert pod.state("init-first")["reason"] == "Error"
    assert pod.state("init-second") == {}
    assert pod.state("run-main") == {}


def test_app_containers_run_at_the_same_time(pod):
    for name, other in (("a", "b"), ("b", "a")):
        pod.add(
            name, f"touch $FAKE_POD/{name}; while [ ! -e $FAKE_POD/{other} ]; do sleep 0.05; done"
        )
    assert pod.run() == 0


def test_the_exit_code_is_the_first_failing_apps(pod):
    pod.add("late", "sleep 1; exit 5").add("early", "exit 4").add("good", "true")
    assert pod.run() == 4


def test_an_exit_code_above_128_is_reported_with_its_signal(pod):
    assert pod.add("main", "kill -SEGV $$").run() == 139
    assert pod.state("run-main")["signal"] == "11"


def test_a_runtime_that_is_missing_is_told_from_a_failing_program(pod):
    pod.add("main", "true")
    pod.shell.append("sp_run_0() { exec no-such-runtime; }")
    assert pod.run() == 127
    state = pod.state("run-main")
    assert state["reason"] == "ContainerCannotRun"
    assert "no-such-runtime" in state["message"]


def test_names_with_dots_and_options_look_are_only_names(pod):
    assert pod.add("0.a-b.c", "echo hello").run() == 0
    assert pod.read("run-0.a-b.c.out") == "hello\n"


def test_a_directory_with_blanks_and_quotes_is_only_a_directory(pod):
    odd = pod.directory.parent / "it's a $(touch x) dir"
    pod.directory.rename(odd)
    pod.directory = odd
    assert pod.add("main", "echo hello").run() == 0
    assert pod.read("run-main.status") == "0\n"


def test_a_sidecar_outlives_the_app_and_ends_with_term(pod):
    command = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"
    pod.add("side", command, kind="sidecar")
    pod.add("main", "sleep 0.5; exit 6")
    assert pod.run() == 6
    assert pod.read("init-side.out").startswith("up\n")
    assert pod.read("init-side.out").endswith("bye\n")
    assert int(pod.state("init-side")["finished"]) >= int(pod.state("run-main")["finished"])


def test_sidecars_end_last_one_first(pod):
    for name in ("one", "two"):
        pod.add(
            name,
            f"trap 'sleep 0.3; echo {name} >>$FAKE_POD/order; exit 0' TERM;"
            "while :; do sleep 0.05; done",
            kind="sidecar",
        )
    pod.add("main", "sleep 0.5")
    assert pod.run() == 0
    assert pod.read("order") == "two\none\n"


def test_a_sidecar_that_fails_beside_the_app_does_not_fail_the_pod(pod):
    pod.add("side", "sleep 0.3; exit 8", kind="sidecar").add("main", "sleep 1")
    assert pod.run() == 0
    assert pod.state("init-side")["exit"] == "8"


def test_a_failed_image_pull_is_named_and_stands_in_the_log(pod):
    pod.add("main", "echo never").add("other", "echo fine")
    pod.shell.append("sp_prepare_0() { echo pulling >&2; echo 'manifest unknown' >&2; false; }")
    assert pod.run() == 125
    state = pod.state("run-main")
    assert (state["reason"], state["message"]) == ("ErrImagePull", "manifest unknown")
    assert "started" not in state
    assert pod.read("run-main.out") == "pulling\nmanifest unknown\n"
    assert pod.state("run-other")["reason"] == "Completed"


def test_a_container_is_not_started_before_its_image_is_there(pod):
    pod.add("main", "sleep 0.2")
    pod.shell.append("sp_prepare_0() { sleep 1; }")
    pod.start()
    time.sleep(0.5)
    assert pod.state("run-main") == {}
    assert pod.wait() == 0


def test_operator_commands_run_first_and_their_environment_reaches_the_containers(pod):
    pod.add("main", "echo $FROM_OPERATOR")
    pod.shell.append('sp_before_containers() { export FROM_OPERATOR="hi$UNSET"; set -e; IFS=7; }')
    assert pod.run() == 0
    assert pod.read("run-main.out") == "hi\n"


def test_failing_operator_commands_fail_the_pod(pod):
    pod.add("main", "echo never")
    pod.shell.append("sp_before_containers() { echo no scratch space >&2; return 12; }")
    assert pod.run() == 12
    assert "no scratch space" in pod.read("job.out")
    assert "exit code 12" in pod.read("job.out")
    assert pod.state("pod")["exit"] == "12"
    assert pod.read("run-main.out") == ""


def test_operator_commands_that_exit_leave_a_true_pod_state(pod):
    pod.add("main", "echo never")
    pod.shell.append("sp_before_containers() { exit 13; }")
    assert pod.run() == 13
    assert pod.state("pod")["exit"] == "13"


def test_files_are_unpacked_before_anything_else(pod):
    pod.add("main", "cat $FAKE_POD/unpacked")
    pod.shell.append('sp_unpack() { echo data >"$sp_directory/unpacked"; }')
    assert pod.run() == 0
    assert pod.read("run-main.out") == "data\n"


def test_nothing_but_the_files_of_the_contract_is_left(pod):
    pod.add("prepare", "true", kind="init").add("main", "true").run()
    left = {path.name for path in pod.directory.iterdir()}
    assert left == {
        "job.out", "pod.state",
        "init-prepare.out", "init-prepare.state", "init-prepare.status",
        "run-main.out", "run-main.state", "run-main.status",
    }  # fmt: skip
    assert pod.read("job.out") == ""


def test_processes_that_a_container_leaves_behind_are_killed(pod):
    pod.add("main", "sleep 300 & echo done").run()
    assert pod.processes() == []


def test_a_killed_container_for_want_of_memory_is_told_from_any_other_kill(pod):
    pod.add("main", "echo oom_kill 1 >$FAKE_POD/events; kill -KILL $$")
    pod.add("other", "sleep 1; kill -KILL $$")
    pod.shell.append("sp_before_containers() { IFS=; }")  # must not reach the supervisor
    pod.overrides.append('sp_find_oom_files() { sp_oom_files=("$sp_directory/events"); }')
    assert pod.run() == 137
    assert pod.state("run-main")["reason"] == "OOMKilled"
    assert pod.state("run-other")["reason"] == "Error"
