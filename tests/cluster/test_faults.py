"""What goes wrong on real clusters: nothing is lost, nothing happens twice, nothing is made up."""

import threading
import time

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import Daemons, job_field, jobs_of, until


def test_a_frozen_slurmctld_leaves_the_plugin_answering(
    client: Client, image: str, daemons: Daemons
) -> None:
    known = pod(container("main", "sleep 40", image))
    client.create(known).json()
    client.wait_running(known)
    daemons.do("freeze", "slurmctld")
    slowest = 0.0
    thawed = time.monotonic() + 15
    while time.monotonic() < thawed:
        begun = time.monotonic()
        assert client.request("GET", "/healthz").status == 200
        slowest = max(slowest, time.monotonic() - begun)
        answer = client.request("GET", "/status", [known])
        if answer.status == 200:
            assert answer.json()[0]["containers"][0]["state"]["running"]
        else:
            assert answer.status == 503
            assert "Retry-After" in answer.headers
        time.sleep(0.1)
    daemons.do("thaw", "slurmctld")
    assert slowest < 1
    after = pod(container("main", "echo after", image))
    client.create(after).json()
    assert exit_codes(client.wait_ended(after, 90)) == {"main": 0}
    client.delete(known)


def test_a_create_while_slurm_hangs_is_kept_and_submitted_once(
    client: Client, image: str, daemons: Daemons
) -> None:
    sent = pod(container("main", "echo late", image))
    daemons.do("freeze", "slurmctld")
    thaw = threading.Timer(25, daemons.do, ["thaw", "slurmctld"])
    thaw.start()
    answer = client.create(sent)
    assert answer.status == 200, answer.text
    thaw.join()
    assert exit_codes(client.wait_ended(sent, 120)) == {"main": 0}
    assert len(jobs_of(sent)) == 1


def test_a_killed_plugin_knows_its_pods_again(client: Client, image: str, daemons: Daemons) -> None:
    running = pod(container("main", "sleep 5; exit 4", image))
    job = client.create(running).json()["PodJID"]
    daemons.do("kill", "plugin")
    daemons.do("start", "plugin")
    until(lambda: client.request("GET", "/readyz").status == 200, 30)
    assert client.create(running).json()["PodJID"] == job
    assert exit_codes(client.wait_ended(running)) == {"main": 4}
    assert len(jobs_of(running)) == 1


def test_killed_workers_and_plugins_submit_every_pod_exactly_once(
    client: Client, image: str, daemons: Daemons
) -> None:
    pods = [pod(container("main", "true", image)) for _ in range(12)]
    accepted = []
    for number, one in enumerate(pods):
        what = "kill" if number % 4 == 3 else "kill-children"
        fault = threading.Timer(0.002 * number, daemons.do, [what, "plugin"])
        fault.start()
        try:
            accepted.append((one, client.create(one).status))
        except OSError:
            accepted.append((one, 0))
        fault.join()
        daemons.do("start", "plugin")
        until(lambda: client.request("GET", "/readyz").status == 200, 60)
    for one, status in accepted:
        # Where the answer was lost, interLink's user would create the pod again.
        final = status or client.create(one).status
        assert final == 200
        assert exit_codes(client.wait_ended(one, 120)) == {"main": 0}
        assert len(jobs_of(one)) == 1


def test_a_deleted_pod_is_ended_although_slurm_was_away(
    client: Client, image: str, daemons: Daemons
) -> None:
    sent = pod(container("main", "sleep 300", image))
    client.create(sent).json()
    client.wait_running(sent)
    daemons.do("freeze", "slurmctld")
    assert client.delete(sent).status == 200
    time.sleep(3)
    daemons.do("thaw", "slurmctld")

    def over() -> bool:
        return job_field(jobs_of(sent)[0], "JobState") in ("CANCELLED", "FAILED")

    until(over, 60)
