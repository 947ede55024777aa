"""Which errno is a refusal, which one means that SLURM is away."""

import errno

import pytest

from slurm_plugin.errors import BackendUnavailable, SlurmRefused, UnexpectedAnswer
from slurm_plugin.slurm.native.errno_meaning import error_for


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2000, "Invalid partition name specified"),
        (2002, "Access/permission denied"),
        (2014, "Requested node configuration is not available"),
        (2045, "Invalid account or account/partition combination specified"),
        (2050, "Job violates accounting/QOS policy (job submit limit)"),
        (2066, "Invalid qos specification"),
    ],
)
def test_slurms_no_is_a_refusal_of_a_change(number: int, text: str) -> None:
    error = error_for(number, text, changes=True)
    assert isinstance(error, SlurmRefused)
    assert str(error) == text


def test_slurms_no_to_a_question_is_an_unexpected_answer() -> None:
    assert isinstance(error_for(2002, "Access/permission denied"), UnexpectedAnswer)


@pytest.mark.parametrize(
    ("number", "text", "unknown"),
    [
        (1800, "Unable to contact slurm controller (connect failure)", False),
        (errno.ECONNREFUSED, "Connection refused", False),
        (1802, "Unable to contact slurm controller (receive failure)", True),
        (5004, "Socket timed out on send/recv operation", True),
        (5005, "Zero Bytes were transmitted or received", True),
        (errno.EAGAIN, "Resource temporarily unavailable", True),
        (2029, "Slurm controller in standby mode", True),
        (6001, "Authentication credential expired", True),
        (None, "Failed", True),
    ],
)
def test_slurm_away_is_unavailable(number: int | None, text: str, unknown: bool) -> None:
    change = error_for(number, text, changes=True)
    assert isinstance(change, BackendUnavailable)
    assert change.outcome_unknown is unknown
    assert text in str(change)
    question = error_for(number, text)
    assert isinstance(question, BackendUnavailable)
    assert not question.outcome_unknown


def test_a_library_of_another_release_is_named_as_such() -> None:
    error = error_for(1005, "Incompatible versions of client and server code", changes=True)
    assert isinstance(error, UnexpectedAnswer)
    assert "does not fit slurmctld: Incompatible versions" in str(error)
