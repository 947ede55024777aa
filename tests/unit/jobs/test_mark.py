"""What a job's comment says of its pod."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.jobs import mark
from slurm_plugin.jobs.mark import Mark
from tests.fakes.pods import KEY, UID


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=40))
def test_a_mark_survives_whatever_the_pod_is_called(name):
    text = mark.comment("default", name, UID, "0123456789ab")
    assert text.startswith(mark.PREFIX)
    assert mark.parse(text) == Mark(KEY, name, "0123456789ab")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "somebody's words",
        mark.comment("default", "demo", UID, ""),
        mark.comment("default", "demo", "../../etc", "0123456789ab"),
        mark.comment("..", "demo", UID, "0123456789ab"),
        mark.comment("default", "demo", UID, "0123456789ab") + " and more",
        "x" + mark.comment("default", "demo", UID, "0123456789ab"),
    ],
)
def test_other_comments_are_no_marks(text):
    assert mark.parse(text) is None
