"""Who decides whether containers are restarted inside the job: the pod's annotation, the config."""

import pytest

from slurm_plugin.config.settings import PodSettings
from slurm_plugin.errors import InvalidRequest

_NAME = "slurm-job.vk.io/restart-policy"


@pytest.mark.parametrize(
    ("configured", "annotation", "policy"),
    [
        ("never", None, "Never"),
        ("honour", None, "OnFailure"),
        ("never", "honour", "OnFailure"),
        ("honour", "never", "Never"),
    ],
)
def test_the_annotation_overrides_the_config(plan, configured, annotation, policy):
    annotations = {} if annotation is None else {_NAME: annotation}
    made = plan(
        settings=PodSettings(restart_policy=configured),
        annotations=annotations,
        restartPolicy="OnFailure",
    )
    assert f"sp_restart_policy={policy}\n" in made.body
    assert made.notes == plan(restartPolicy="OnFailure").notes


def test_another_value_is_refused(plan):
    with pytest.raises(InvalidRequest, match="restart-policy"):
        plan(annotations={_NAME: "Always"})


def test_slurm_is_asked_to_tell_of_the_time_limit_in_time(plan):
    options = plan(terminationGracePeriodSeconds=40).default_options
    assert [(o.name, o.value) for o in options] == [("signal", "B:USR1@45")]
    longest = plan(terminationGracePeriodSeconds=10**6).default_options
    assert longest[0].value == "B:USR1@65535"
