"""Pods whose job slurmctld has forgotten (MinJobAge) while nobody asked for them.

As slow as the cluster's MinJobAge; start the container with SLURM_MIN_JOB_AGE to shorten it.
"""

import re

import pytest

from tests.cluster.client import Client, container, exit_codes, pod
from tests.cluster.conftest import Daemons, jobs_of, slurm, until

# slurmctld looks for old jobs once a minute.
PURGE_SECONDS = 90


def min_job_age() -> int:
    found = re.search(r"MinJobAge\s*=\s*(\d+)", slurm("scontrol", "show", "config"))
    assert found is not None
    return int(found[1])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("code", [0, 23])
def test_a_forgotten_job_still_tells_its_pods_end(image: str, code: int) -> None:
    client, daemons = Client(), Daemons()
    sent = pod(container("main", f"exit {code}", image))
    job = client.create(sent).json()["PodJID"]
    daemons.do("kill", "plugin")
    until(lambda: jobs_of(sent) == [], min_job_age() + PURGE_SECONDS + 60)
    daemons.do("start", "plugin")
    until(lambda: client.request("GET", "/readyz").status == 200, 60)
    status = client.wait_ended(sent, 120)
    assert exit_codes(status) == {"main": code}
    assert status["JID"] == job
    client.delete(sent)
