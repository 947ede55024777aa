"""Index of log sizes, cap, and the supervisor's own cost."""

import os
import time
from pathlib import Path


def _index(pod, stem="run-main"):
    return [tuple(map(int, line.split())) for line in pod.read(f"{stem}.index").splitlines()]


def test_the_index_tells_within_a_second_when_the_log_had_which_size(pod):
    pod.add("main", "for i in 1 2 3; do echo $i $(date +%s); sleep 1.6; done")
    assert pod.run() == 0
    written = pod.read("run-main.out").splitlines()
    index = _index(pod)
    end = 0
    for line in written:
        end += len(line) + 1
        seen = next(seconds for size, seconds in index if size >= end)
        assert abs(seen - int(line.split()[1])) <= 1
    assert index[-1][0] == end


def test_the_index_has_no_line_for_times_without_output(pod):
    pod.add("main", "echo once; sleep 4")
    assert pod.run() == 0
    assert [size for size, _ in _index(pod)] == [5]


def test_the_index_follows_each_of_several_logs(pod):
    pod.add("a", "printf 123; sleep 1.5").add("b", "printf 12345; sleep 1.5")
    assert pod.run() == 0
    assert _index(pod, "run-a")[-1][0] == 3
    assert _index(pod, "run-b")[-1][0] == 5


def test_a_capped_log_ends_at_the_cap_and_the_container_goes_on(pod):
    pod.max_log_bytes = 1000
    pod.add("main", "seq 1 50000; echo done >$FAKE_POD/went-on")
    assert pod.run() == 0
    log = pod.read("run-main.out")
    assert log[:6] == "1\n2\n3\n"
    assert 1000 <= len(log) <= 1024 + 50
    assert "log cut" in log
    assert pod.read("went-on") == "done\n"


def test_a_log_below_the_cap_is_whole_even_after_term(pod):
    pod.max_log_bytes = 1000
    pod.add("main", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done").start()
    pod.until(lambda: pod.read("run-main.out") == "up\n")
    pod.terminate()
    assert pod.wait() == 3
    assert pod.read("run-main.out").endswith("bye\n")


def _cpu_seconds(pid):
    """User and system time of a process and of its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def test_the_idle_supervisor_costs_next_to_no_processor_time(pod):
    pod.add("main", "echo up; exec sleep 100")
    pod.start()
    time.sleep(11)  # past the quick rounds of the start
    before = _cpu_seconds(pod.process.pid)
    time.sleep(6)
    assert _cpu_seconds(pod.process.pid) - before <= 0.03


def test_logs_that_do_not_grow_start_no_process(pod):
    pod.overrides.append('stat() { echo x >>"$sp_directory/looks"; command stat "$@"; }')
    pod.add("silent", "sleep 4").add("quiet", "echo once; sleep 4")
    assert pod.run() == 0
    assert len(pod.read("looks").splitlines()) <= 5  # two for the one line, one for each end
