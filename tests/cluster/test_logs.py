"""Logs of real jobs: every option, followers, and what SLURM itself wrote."""

import logging
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import Daemons, job_field, slurm, until
from tests.cluster.following import Following

_log = logging.getLogger(__name__)

_FOLLOWERS = 100
# Each line is the time of its writing, seconds since boot.
_TICKING = "for i in $(seq {count}); do cut -d' ' -f1 /proc/uptime; sleep {pause}; done"


def test_a_followed_line_comes_within_a_second(client: Client, image: str) -> None:
    sent = pod(container("main", _TICKING.format(count=10, pause=0.7), image))
    client.create(sent).json()
    with Following(sent, "main").begin() as log:
        assert log.ended(60), "the stream did not end with its container"
    lines = [(at, float(line)) for at, piece in log.pieces for line in piece.split()]
    assert len(lines) == 10
    delays = sorted(at - written for at, written in lines)
    _log.info("delay of followed lines: median %.2f s, longest %.2f s", delays[5], delays[-1])
    assert delays[-1] < 1.0


def test_a_follower_that_begins_later_gets_everything_once(client: Client, image: str) -> None:
    script = "for i in $(seq 60); do echo line $i; sleep 0.1; done"
    sent = pod(container("main", script, image))
    client.create(sent).json()
    client.wait_running(sent)
    until(lambda: "line 5\n" in client.log(sent, "main"), 20)
    with Following(sent, "main", Tail=2).begin() as tail, Following(sent, "main").begin() as whole:
        assert whole.ended(30)
        assert tail.ended(5)
    everything = [f"line {number}" for number in range(1, 61)]
    assert whole.text().splitlines() == everything
    kept = tail.text().splitlines()
    assert kept == everything[-len(kept) :]
    assert 2 <= len(kept) < 60


def test_options_in_any_combination(client: Client, image: str) -> None:
    script = "echo old 1; echo old 2; sleep 6; echo new 1; echo new 2; printf 'new 3'"
    sent = pod(container("main", script, image))
    client.create(sent).json()
    client.wait_ended(sent)
    log = client.log(sent, "main")
    assert log == "old 1\nold 2\nnew 1\nnew 2\nnew 3"
    assert client.log(sent, "main", Tail=2) == "new 2\nnew 3"
    assert client.log(sent, "main", Bytes=8) == "old 1\nol"
    assert client.log(sent, "main", Tail=2, Bytes=3) == "new"
    stamped = client.log(sent, "main", Timestamps=True)
    moments = [datetime.fromisoformat(line.split(" ")[0]) for line in stamped.splitlines()]
    assert all(re.match(r"\S+\.\d{9}Z (old|new) \d$", line) for line in stamped.splitlines())
    assert 5 <= (moments[2] - moments[1]).total_seconds() <= 7
    since = moments[2].strftime("%Y-%m-%dT%H:%M:%SZ")
    assert client.log(sent, "main", SinceTime=since) == "new 1\nnew 2\nnew 3"
    assert client.log(sent, "main", SinceTime=since, Tail=1, Bytes=4) == "new "
    both = client.log(sent, "main", SinceTime=since, Tail=2, Timestamps=True)
    assert both == "".join(stamped.splitlines(keepends=True)[-2:])
    assert client.log(sent, "main", SinceSeconds=3600, Tail=1) == "new 3"
    later = "2999-01-01T00:00:00Z"
    assert client.log(sent, "main", SinceTime=later) == ""


def test_the_log_before_a_requeue_is_the_previous_one(client: Client, image: str) -> None:
    sent = pod(container("main", 'echo "run ${SLURM_RESTART_COUNT:-0}"; exec sleep 60', image))
    job = client.create(sent).json()["PodJID"]
    client.wait_running(sent)
    until(lambda: client.log(sent, "main") == "run 0\n", 20)
    with Following(sent, "main").begin() as log:
        slurm("sudo", "/usr/bin/scontrol", "requeuehold", job)
        until(lambda: job_field(job, "JobState") == "PENDING", 30)
        slurm("sudo", "/usr/bin/scontrol", "release", job)
        until(lambda: _second_run_has_written(client, sent, job), 60)
        assert client.log(sent, "main", Previous=True) == "run 0\n"
        until(lambda: log.text().endswith("run 1\n"), 10)
        assert log.text().count("run 1\n") == 1
        client.delete(sent)
        assert log.ended(20)


def _second_run_has_written(client: Client, sent: dict[str, Any], job: str) -> bool:
    # SLURM makes requeued jobs wait for two minutes.
    slurm("sudo", "/usr/bin/scontrol", "update", f"JobId={job}", "StartTime=now")
    time.sleep(1)
    client.status(sent)
    return client.log(sent, "main") == "run 1\n"


def test_a_container_that_never_started_shows_what_slurm_wrote(client: Client, image: str) -> None:
    sent = pod(
        container("main", "echo never", image),
        annotations={"slurm-job.vk.io/pre-exec": "echo words of the site; exit 3"},
    )
    client.create(sent).json()
    status = client.wait_ended(sent)
    assert exit_codes(status)["main"] != 0
    assert "words of the site" in client.log(sent, "main")


def test_a_container_that_ran_shows_its_own_words_only(client: Client, image: str) -> None:
    sent = pod(
        container("main", "echo mine; exit 1", image),
        annotations={"slurm-job.vk.io/pre-exec": "echo words of the site"},
    )
    client.create(sent).json()
    client.wait_ended(sent)
    assert client.log(sent, "main") == "mine\n"


def test_bytes_arrive_unchanged(client: Client, image: str) -> None:
    script = "printf 'a\\r\\nb\\000c\\377\\n'; head -c 3000000 /dev/zero | tr '\\0' x"
    sent = pod(container("main", script, image))
    client.create(sent).json()
    client.wait_ended(sent)
    with Following(sent, "main").begin() as log:
        assert log.ended(20)
    body = b"".join(piece for _, piece in log.pieces)
    assert body[:9] == b"a\r\nb\0c\xff\nx"
    assert body[8:] == b"x" * 3_000_000


@pytest.fixture
def quiet_pod(client: Client, image: str) -> dict[str, Any]:
    """A running pod that writes nothing."""
    sent = pod(container("main", "exec sleep 300", image))
    client.create(sent).json()
    client.wait_running(sent)
    return sent


def test_a_hundred_followers_delay_nobody_and_the_next_is_told(
    client: Client, image: str, quiet_pod: dict[str, Any]
) -> None:
    with ExitStack() as opened:
        # The headers are there at once, although the container has written nothing.
        begun = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            made = list(pool.map(lambda _: Following(quiet_pod, "main"), range(_FOLLOWERS)))
        assert time.monotonic() - begun < 10
        followers = [opened.enter_context(one).begin() for one in made]
        assert {one.status for one in followers} == {200}
        one_more = opened.enter_context(Following(quiet_pod, "main"))
        assert (one_more.status, bool(one_more.retry_after)) == (503, True)
        assert _longest_call(client, image) < 3
        followers[0].close()
        until(lambda: _gets_a_place(quiet_pod), 3)
    client.delete(quiet_pod)


def _longest_call(client: Client, image: str) -> float:
    """Seconds of the slowest of a create, some status requests and a delete."""
    sent = pod(container("main", "true", image))
    took = []
    calls = [client.create, client.status, client.status, client.status, client.delete]
    for call in calls:
        begun = time.monotonic()
        call(sent)
        took.append(time.monotonic() - begun)
    _log.info("seconds of a create, three status, a delete beside 100 followers: %s", took)
    return max(took)


def _gets_a_place(sent: dict[str, Any]) -> bool:
    with Following(sent, "main") as log:
        return log.status == 200


def test_followers_do_not_hold_up_the_end_of_the_plugin(
    client: Client, daemons: Daemons, quiet_pod: dict[str, Any]
) -> None:
    with ExitStack() as opened:
        followers = [opened.enter_context(Following(quiet_pod, "main")).begin() for _ in range(20)]
        begun = time.monotonic()
        daemons.do("stop", "plugin")
        took = time.monotonic() - begun
        assert all(one.ended(1) for one in followers)
    daemons.do("start", "plugin")
    until(lambda: client.request("GET", "/readyz").status == 200, 30)
    client.delete(quiet_pod)
    _log.info("the plugin ended %.1f s after TERM with 20 followers", took)
    assert took < 5


def test_the_demo_shows_a_log_while_it_grows(image: str) -> None:
    script = Path(__file__).parents[2] / "docker" / "demo_pod.py"
    argv = [sys.executable, str(script), "--image", image, "--follow"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, bufsize=1) as demo:
        assert demo.stdout is not None
        lines = [(time.monotonic(), line.rstrip()) for line in demo.stdout]
    assert demo.returncode == 0
    steps = {line[-6:]: at for at, line in reversed(lines) if re.search(r"Z step \d$", line)}
    assert list(steps) == ["step 3", "step 2", "step 1"]
    assert 1.2 < steps["step 3"] - steps["step 1"] < 3.5, "the lines came all at once"
