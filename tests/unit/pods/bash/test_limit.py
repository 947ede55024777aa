"""The time limit: SLURM's early warning, and containers that end by themselves in time."""

import signal
import time

_WAITS_FOR_TERM = "trap 'echo got term; exit 9' TERM; echo up; while :; do sleep 0.05; done"


def _up(pod, end):
    """Start a pod whose job ends at `end` (bash arithmetic of the start, `S`)."""
    pod.add("main", _WAITS_FOR_TERM)
    pod.shell.append(f'printf -v S "%(%s)T" -1; SLURM_JOB_END_TIME={end}')
    pod.start()
    pod.until(lambda: pod.state("run-main").get("started"))
    pod.until(lambda: pod.read("run-main.out").startswith("up"))


def _warn(pod):
    pod.process.send_signal(signal.SIGUSR1)


def test_a_warning_that_comes_early_waits_until_grace_and_files_just_fit(pod):
    pod.grace = 1
    _up(pod, "$((S + 13))")
    begin = time.monotonic()
    _warn(pod)
    assert pod.wait() == 9
    # 13 s less one of grace and five for files.
    assert 5 <= time.monotonic() - begin <= 9


def test_what_ends_at_the_limit_keeps_its_code_and_says_why(pod):
    pod.shell.append("sp_pre_stop_0() { echo pre stop; }")
    _up(pod, "$((S + 2))")
    _warn(pod)
    assert pod.wait() == 9
    assert pod.read("run-main.out") == "up\npre stop\ngot term\n"
    state = pod.state("run-main")
    assert state["reason"] == "DeadlineExceeded"
    assert "time limit" in state["message"]
    assert "time limit" in pod.read("job.out")


def test_a_short_job_keeps_half_of_its_time(pod):
    pod.grace = 3600
    _up(pod, "$((S + 6))")
    begin = time.monotonic()
    _warn(pod)
    assert pod.wait() == 9
    assert time.monotonic() - begin >= 1.5


def test_without_an_end_time_squeue_is_asked(pod):
    pod.grace = 1
    pod.shell.append('squeue() { echo "squeue $*" >&2; }')
    pod.shell.append(
        'timeout() { shift; [[ $* == "squeue -h -j 7 -o %e" ]] && date -d "@$((S + 12))" +%FT%T; }'
    )
    _up(pod, "")
    begin = time.monotonic()
    _warn(pod)
    assert pod.wait() == 9
    assert 4 <= time.monotonic() - begin <= 8


def test_where_nobody_knows_the_end_the_warning_counts(pod):
    pod.shell.append("timeout() { return 1; }")
    _up(pod, "")
    begin = time.monotonic()
    _warn(pod)
    assert pod.wait() == 9
    assert time.monotonic() - begin < 3


def test_a_container_that_ended_before_the_limit_says_nothing_of_it(pod):
    pod.add("quick", "exit 3")
    _up(pod, "$((S + 2))")
    pod.until(lambda: pod.state("run-quick").get("exit") == "3")
    _warn(pod)
    assert pod.wait() == 3
    assert pod.state("run-quick")["reason"] == "Error"
    assert pod.state("run-main")["reason"] == "DeadlineExceeded"
