"""Who a job runs as, what it inherits, and whose sbatch options win."""

import os

import pytest

from slurm_plugin.config.settings import Flavor, JobSettings, PodSettings, Settings, SlurmSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.jobs.translate import translate
from slurm_plugin.pods.manifest import SecurityContext
from tests.fakes.pods import UID, create_of

FLAGS = "slurm-job.vk.io/flags"
_NOBODY = 4_000_000_000


def _spec(tmp_path, pod=None, **settings):
    settings.setdefault("pods", PodSettings(allow_root_jobs=True))
    return translate(pod or create_of(), Settings(**settings), tmp_path).spec


def _as_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_an_ordinary_plugin_runs_every_pod_as_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    spec = _spec(tmp_path, pods=PodSettings(default_uid=5))
    assert (spec.uid, spec.gid) == (None, None)


def test_root_does_not_run_jobs_as_root_unless_told_to(tmp_path, monkeypatch):
    _as_root(monkeypatch)
    with pytest.raises(InvalidRequest, match="run as root"):
        _spec(tmp_path, pods=PodSettings())
    spec = _spec(tmp_path, pods=PodSettings(allow_root_jobs=True))
    assert (spec.uid, spec.gid) == (0, 0)


def test_a_user_brings_its_own_group(tmp_path, monkeypatch):
    _as_root(monkeypatch)
    spec = _spec(tmp_path, pods=PodSettings(default_uid=1))
    assert (spec.uid, spec.gid) == (1, 1)


@pytest.mark.parametrize("group", [0, 4_000_000_000])
def test_a_group_that_the_user_is_not_in_is_refused(tmp_path, monkeypatch, group):
    _as_root(monkeypatch)
    pod = create_of()
    pod.pod.spec.security_context = SecurityContext(run_as_user=1, run_as_group=group)
    with pytest.raises(InvalidRequest, match=f"runAsGroup: user 1 is not in group {group}"):
        _spec(tmp_path, pod, pods=PodSettings())


@pytest.mark.parametrize("flags", ["--nice=-5", "--priority=9", "--reboot"])
def test_annotations_do_not_use_the_rights_of_a_root_plugin(tmp_path, monkeypatch, flags):
    pod = create_of(annotations={FLAGS: flags})
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    _spec(tmp_path, pod)
    _as_root(monkeypatch)
    with pytest.raises(InvalidRequest):
        _spec(tmp_path, pod, pods=PodSettings(default_uid=1))


def test_a_user_that_this_host_does_not_know_is_refused(tmp_path, monkeypatch):
    _as_root(monkeypatch)
    with pytest.raises(InvalidRequest, match=f"user {_NOBODY} is unknown"):
        _spec(tmp_path, pods=PodSettings(default_uid=_NOBODY))


def test_the_job_inherits_nothing_of_the_service(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_SERVICE", "x")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    pods = PodSettings(allow_root_jobs=True, job_environment={"SITE": "here", "LANG": "C"})
    environment = _spec(tmp_path, pods=pods).environment
    assert environment["SITE"] == "here"
    assert environment["LANG"] == "C"
    assert environment["PATH"].startswith("/")
    assert set(environment) <= {"PATH", "LANG", "HOME", "USER", "LOGNAME", "SHELL", "SITE"}


def test_the_job_works_in_the_pods_directory_only_where_the_nodes_see_it(tmp_path):
    shared = _spec(tmp_path, jobs=JobSettings(shared_fs=True))
    assert shared.work_dir == str(tmp_path)
    assert _spec(tmp_path).work_dir == "/tmp"
    assert shared.output == str(tmp_path / "job.out")


def test_the_annotation_wins_over_the_flavor(tmp_path):
    flavor = Flavor(slurm_flags=("--partition=slow", "--qos=low"))
    pods = PodSettings(allow_root_jobs=True, flavors={"f": flavor}, default_flavor="f")
    spec = _spec(tmp_path, create_of(annotations={FLAGS: "-p fast"}), pods=pods)
    options = {option.name: option.value for option in spec.options}
    assert (options["partition"], options["qos"]) == ("fast", "low")
    lines = spec.script.splitlines()
    assert lines[0] == "#!/bin/bash"
    assert "#SBATCH --partition=fast" in spec.script
    assert "--partition=slow" not in spec.script


@pytest.mark.parametrize("flags", ["--uid=0", "--output=/etc/passwd", "--job-name=x"])
def test_options_that_only_the_plugin_sets_are_refused(tmp_path, flags):
    with pytest.raises(InvalidRequest, match="annotation"):
        _spec(tmp_path, create_of(annotations={FLAGS: flags}))


def test_the_operator_may_deny_further_options(tmp_path):
    denied = SlurmSettings(denied_options=("qos",))
    with pytest.raises(InvalidRequest, match="DeniedOptions"):
        _spec(tmp_path, create_of(annotations={FLAGS: "--qos=high"}), slurm=denied)


def test_the_job_is_named_and_marked_for_its_pod(tmp_path):
    spec = _spec(tmp_path)
    assert spec.name == UID
    assert spec.comment == f"slurm-plugin pod default/demo {UID}"


@pytest.mark.parametrize(
    ("flags", "deadline", "time"),
    [("--time=10", 3600, "10"), ("-t 2:00:00", 3600, "60"), ("", 90, "2"), ("-t -1", 60, "1")],
)
def test_the_shorter_of_deadline_and_flags_is_the_time_limit(tmp_path, flags, deadline, time):
    request = create_of(annotations={FLAGS: flags})
    request.pod.spec.active_deadline_seconds = deadline
    limits = [o.value for o in _spec(tmp_path, request).options if o.name == "time"]
    assert limits == [time]
