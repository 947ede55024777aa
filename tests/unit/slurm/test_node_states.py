"""Which nodes can take work."""

import pytest

from slurm_plugin.slurm.commands.nodes import parse_gres
from slurm_plugin.slurm.node_states import is_usable


@pytest.mark.parametrize(
    "state",
    [
        "idle",
        "mixed",
        "mixed+planned",
        "ALLOCATED",
        "idle~",
        "IDLE+POWERED_DOWN",
        "idle+cloud",
        "mixed-",
        "IDLE,COMPLETING",
    ],
)
def test_these_take_work(state: str) -> None:
    assert is_usable(state)


@pytest.mark.parametrize(
    "state",
    [
        "down",
        "down*",
        "idle*",
        "idle+drain",
        "drained",
        "draining",
        "allocated+drain",
        "IDLE+MAINTENANCE",
        "maint",
        "unknown",
        "inval",
        "DOWN,NOT_RESPONDING",
        "fail",
        "",
    ],
)
def test_these_do_not(state: str) -> None:
    assert not is_usable(state)


@pytest.mark.parametrize(
    ("text", "totals"),
    [
        ("gpu:a100:2", {"gpu:a100": 2}),
        ("gpu:4(S:0-1)", {"gpu": 4}),
        ("gpu:a100:2(S:0),gpu:v100:1(S:1),shard:8", {"gpu:a100": 2, "gpu:v100": 1, "shard": 8}),
        ("gpu:a100:1,gpu:a100:1", {"gpu:a100": 2}),
        ("bandwidth:lustre:4K", {"bandwidth:lustre": 4096}),
        ("(null)", {}),
        ("", {}),
    ],
)
def test_generic_resources(text: str, totals: dict[str, int]) -> None:
    assert parse_gres(text) == totals
