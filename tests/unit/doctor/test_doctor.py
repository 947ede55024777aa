"""Each finding, with its remedy, over a fake cluster."""

import io
import os

import pytest

from slurm_plugin import cli
from slurm_plugin.config.settings import (
    CapacitySettings,
    Flavor,
    JobSettings,
    PodSettings,
    ServiceSettings,
    Settings,
)
from slurm_plugin.doctor import cluster, host, trial_job
from slurm_plugin.doctor.finding import good, problem, warning
from slurm_plugin.doctor.run import write
from slurm_plugin.errors import SlurmRefused
from slurm_plugin.slurm.base import NodeInfo
from slurm_plugin.slurm.states import JobState
from tests.fakes.fake_backend import FakeBackend
from tests.fakes.pods import settings_for


class Cluster(FakeBackend):
    """A cluster on which the trial job ends as a test says."""

    def __init__(self, exit_code=40, state=JobState.FAILED, **changes):
        super().__init__()
        self.outcome = (state, {"exit_code": exit_code, "nodes": "n1", **changes})
        self.submitted = []

    def submit(self, spec):
        job_id = super().submit(spec)
        self.submitted.append(spec)
        state, changes = self.outcome
        self.set_state(job_id, state, **changes)
        return job_id


@pytest.fixture
def settings(tmp_path):
    """A shared data folder; a user for the job, since tests may run as root."""
    tmp_path.chmod(0o711)
    pods = PodSettings(default_uid=os.geteuid(), singularity_path="/opt/apptainer run")
    return settings_for(tmp_path, pods=pods)


def tried(backend, settings, flags="", wait=5.0):
    return list(trial_job.trial(backend, settings, flags, wait, sleep=lambda _: None))


def found(findings, level):
    return [finding for finding in findings if finding.level == level]


def test_a_writable_folder_is_good(settings):
    assert [f.level for f in host.data_folder(settings)] == ["ok"]
    assert list(settings.jobs.data_root_folder.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_problem(tmp_path):
    settings = Settings(jobs=JobSettings(data_root_folder=tmp_path / "nosuch"))
    (finding,) = host.data_folder(settings)
    assert finding.level == "problem"
    assert "No such file" in finding.text
    assert "install -d" in finding.remedy


def test_other_users_must_get_through_the_folder(settings, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    settings.jobs.data_root_folder.chmod(0o700)
    (finding,) = found(host.data_folder(settings), "warning")
    assert finding.remedy.startswith("chmod o+x")


@pytest.mark.parametrize(("followers", "level"), [(10, "ok"), (1000, "warning")])
def test_open_files_are_counted(monkeypatch, followers, level):
    monkeypatch.setattr(host.resource, "getrlimit", lambda _: (1024, 4096))
    settings = Settings(service=ServiceSettings(log_followers=followers))
    assert [f.level for f in host.limits(settings)] == [level]


def test_an_answering_controller_is_named_with_its_release(settings):
    (finding,) = cluster.controller(FakeBackend(), "why", replace_backend(settings, "commands"))
    assert finding.level == "ok"
    assert "26.05.5" in finding.text


def test_commands_in_place_of_pyslurm_are_a_warning_only_when_nobody_chose_them(settings):
    findings = list(cluster.controller(FakeBackend(), "no pyslurm here", settings))
    (finding,) = found(findings, "warning")
    assert "no pyslurm here" in finding.text


def replace_backend(settings, name):
    slurm = settings.slurm.model_copy(update={"backend": name})
    return settings.model_copy(update={"slurm": slurm})


def test_a_silent_controller_is_a_problem(settings):
    backend = FakeBackend()
    backend.go_away()
    for findings in (cluster.controller(backend, "", settings), cluster.nodes(backend, settings)):
        assert [f.level for f in findings] == ["problem"]


def test_a_cluster_without_usable_nodes_is_a_problem(settings):
    backend = FakeBackend()
    assert [f.level for f in cluster.nodes(backend, settings)] == ["ok"]
    backend.set_nodes([NodeInfo("n1", 4, 8000, usable=False)])
    assert [f.level for f in cluster.nodes(backend, settings)] == ["problem"]
    backend.set_nodes([NodeInfo("n1", 4, 8000, partitions=("a",))])
    outside = CapacitySettings(excluded_partitions=("a",))
    other = settings.model_copy(update={"capacity": outside})
    assert [f.level for f in cluster.nodes(backend, other)] == ["problem"]


def test_a_node_with_everything_is_good(settings):
    findings = tried(Cluster(40), settings)
    assert found(findings, "problem") == found(findings, "warning") == []
    assert any("n1 has /opt/apptainer run" in f.text for f in findings)
    assert list(settings.jobs.data_root_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "remedies"),
    [(41, ["install it on"]), (42, ["mount it on"]), (43, ["install it on", "mount it on"])],
)
def test_what_the_node_lacks_is_a_problem(settings, code, remedies):
    problems = found(tried(Cluster(code), settings), "problem")
    assert [p.remedy[: len(r)] for p, r in zip(problems, remedies, strict=True)] == remedies


@pytest.mark.parametrize(("code", "said"), [(40, "SharedFS: true"), (42, "nodes share")])
def test_a_folder_that_is_not_shared_is_a_warning(settings, code, said):
    jobs = settings.jobs.model_copy(update={"shared_fs": False})
    findings = tried(Cluster(code), settings.model_copy(update={"jobs": jobs}))
    (finding,) = found(findings, "warning")
    assert said in finding.remedy


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (1, JobState.FAILED),
        (127, JobState.FAILED),
        (0, JobState.NODE_FAIL),
        (0, JobState.COMPLETED),
    ],
)
def test_an_end_that_is_none_of_the_scripts_is_a_problem(settings, code, state):
    (finding,) = found(tried(Cluster(code, state), settings), "problem")
    assert state.value in finding.text


def test_clocks_apart_are_a_warning(settings):
    (finding,) = found(tried(Cluster(40, submit_time=1000), settings), "warning")
    assert "controller's clock" in finding.text


def test_a_refused_job_tells_slurms_words_and_how_to_name_a_partition(settings):
    backend = Cluster()
    backend.fail_next("submit", SlurmRefused("Invalid account"))
    (finding,) = tried(backend, settings)
    assert finding.level == "problem"
    assert "Invalid account" in finding.text
    assert "--flags" in finding.remedy


def test_a_job_that_waits_too_long_is_cancelled(settings):
    backend = Cluster(0, JobState.PENDING, reason="Priority")
    (finding,) = tried(backend, settings, wait=0.05)
    assert "PENDING Priority" in finding.text
    assert backend.calls["cancel"] == 1


def test_flags_and_flavor_reach_the_job(settings):
    flavor = Flavor(slurm_flags=("--account=x", "--time=9"))
    pods = settings.pods.model_copy(update={"flavors": {"f": flavor}, "default_flavor": "f"})
    backend = Cluster()
    tried(backend, settings.model_copy(update={"pods": pods}), flags="-p other --time=3")
    (spec,) = backend.submitted
    options = {option.name: option.value for option in spec.options}
    assert options == {"account": "x", "time": "3", "partition": "other"}
    assert "#SBATCH --partition=other" in spec.script


def test_no_job_runs_as_root(settings, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    pods = settings.pods.model_copy(update={"default_uid": None})
    backend = Cluster()
    (finding,) = tried(backend, settings.model_copy(update={"pods": pods}))
    assert finding.level == "warning"
    assert backend.submitted == []


def test_only_problems_count():
    out = io.StringIO()
    assert write([good("a"), warning("b", "do b")], out)
    assert not write([good("a"), problem("c", "do c"), good("d")], out)
    assert "problem  c\n         -> do c\nok       d\n" in out.getvalue()


def test_the_command_line_ends_with_1_on_a_problem(tmp_path, capsys):
    config = tmp_path / "c.yaml"
    config.write_text(f"Backend: commands\nScontrolPath: /nosuch\nDataRootFolder: {tmp_path}\n")
    assert cli.run(["doctor", "--config", str(config), "--wait", "0"]) == 1
    out = capsys.readouterr().out
    assert "/nosuch can't be run" in out
