"""Values as sbatch reads them; None for what only sbatch knows."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.slurm.options import values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10),
        ("1:30", 2),
        ("0:01", 1),
        ("1:0:0", 60),
        ("1:00:01", 61),
        ("1-0", 1440),
        ("1-2:3", 1563),
        ("1-2:3:4", 1564),
        ("0", "UNLIMITED"),
        ("unlimited", "UNLIMITED"),
        ("INFINITE", "UNLIMITED"),
        ("-1", "UNLIMITED"),
        ("", None),
        ("5 minutes", None),
        ("1:2:3:4", None),
        ("\u0661", None),
    ],
)
def test_minutes(text, expected):
    assert values.minutes(text) == expected


@given(st.integers(1, 10**6))
def test_seconds_are_rounded_up_to_minutes(seconds):
    assert values.minutes(f"0:{seconds}") == -(-seconds // 60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("32000", 32000),
        ("16G", 16384),
        ("16gb", 16384),
        ("1T", 1048576),
        ("1024K", 1),
        ("1025K", 2),
        ("0", 0),
        ("", None),
        ("1.5G", None),
        ("-1", None),
    ],
)
def test_mebibytes(text, expected):
    assert values.mebibytes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("65533", 65533),
        ("65534", None),
        ("0", None),
        ("-1", None),
        ("²", None),
        ("", None),
    ],
)
def test_positive(text, expected):
    assert values.positive(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpu", {"gpu": 1}),
        ("gpu:2", {"gpu": 2}),
        ("gpu:a100:2,shard:1", {"gpu:a100": 2, "shard": 1}),
        ("gres/gpu=2", {"gpu": 2}),
        ("gres:gpu:2", {"gpu": 2}),
        ("gpu:a100", {"gpu:a100": 1}),
        ("gpu:1,gpu:2", None),
        ("none", None),
        ("gpu:2K", None),
        ("gpu:", None),
        ("", None),
    ],
)
def test_gres(text, expected):
    assert values.gres(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", {"gpu": 2}),
        ("a100:1,v100:2", {"gpu:a100": 1, "gpu:v100": 2}),
        ("a100:1,a100:1", None),
        ("a100", None),
        ("", None),
    ],
)
def test_gpus(text, expected):
    assert values.gpus(text) == expected


@pytest.mark.parametrize(
    ("text", "number", "seconds", "batch", "overlap"),
    [
        ("USR1", signal.SIGUSR1, 60, False, False),
        ("B:USR1@30", signal.SIGUSR1, 30, True, False),
        ("rb:sigterm@1", signal.SIGTERM, 1, True, True),
        ("10@65535", 10, 65535, False, False),
    ],
)
def test_warn_signal(text, number, seconds, batch, overlap):
    assert values.warn_signal(text) == {
        "signal": number,
        "time": seconds,
        "batch_only": batch,
        "allow_reservation_overlap": overlap,
    }


@pytest.mark.parametrize("text", ["", "NOSUCH", "USR1@0", "USR1@65536", "X:USR1", "USR1@x"])
def test_other_signals_are_left_to_sbatch(text):
    assert values.warn_signal(text) is None
