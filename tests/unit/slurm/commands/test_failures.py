"""Which failures are SLURM away, and which are SLURM's refusal."""

import pytest

from slurm_plugin.errors import BackendUnavailable, SlurmRefused, UnexpectedAnswer
from slurm_plugin.slurm.commands import cancel, submit
from slurm_plugin.slurm.commands.failures import failure, message_of
from slurm_plugin.slurm.commands.process import Completed


def completed(command: str, stderr: str, returncode: int = 1, stdout: str = "") -> Completed:
    return Completed([command], returncode, stdout, stderr)


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("sbatch: error: Unable to contact slurm controller (connect failure)", False),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller", False),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv", True),
        ("sbatch: error: Zero Bytes were transmitted or received", True),
        ("sbatch: fatal: Unable to process configuration file", False),
        ("ssh: Could not resolve hostname login", False),
        ("sbatch: error: Batch job submission failed: Protocol authentication error", True),
        ("sbatch: error: Batch job submission failed: Connection timed out", True),
    ],
)
def test_slurm_away_is_told_from_a_lost_answer(text: str, unknown: bool) -> None:
    with pytest.raises(BackendUnavailable) as away:
        submit.parse_sbatch(completed("sbatch", text))
    assert away.value.outcome_unknown is unknown


@pytest.mark.parametrize("text", ["", "Timeout, server login not responding."])
def test_a_link_that_broke_leaves_the_outcome_open(text: str) -> None:
    with pytest.raises(BackendUnavailable) as away:
        submit.parse_sbatch(completed("ssh", text, returncode=255))
    assert away.value.outcome_unknown


def test_a_wrapper_that_never_ran_the_command_changed_nothing() -> None:
    with pytest.raises(BackendUnavailable) as away:
        submit.parse_sbatch(completed("wrap", "sbatch: command not found", returncode=127))
    assert not away.value.outcome_unknown


@pytest.mark.parametrize(
    "text",
    [
        "sbatch: error: cli_filter plugin terminated with error",
        (
            "sbatch: error: invalid partition specified: plugin-munge\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified"
        ),
        (
            "sbatch: error: see slurm.conf, forks are few\n"
            "sbatch: error: Batch job submission failed: Requested node configuration is not here"
        ),
    ],
)
def test_words_beside_slurms_reason_make_no_refusal_an_outage(text: str) -> None:
    with pytest.raises(SlurmRefused):
        submit.parse_sbatch(completed("sbatch", text))


@pytest.mark.parametrize(
    "words",
    [
        "Invalid account or account/partition combination specified",
        "Requested node configuration is not available",
        "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
        "Access/permission denied",
    ],
)
def test_refusals_keep_slurms_words(words: str) -> None:
    stderr = f"sbatch: error: Batch job submission failed: {words}\n"
    with pytest.raises(SlurmRefused) as refused:
        submit.parse_sbatch(completed("sbatch", stderr))
    assert str(refused.value) == f"Batch job submission failed: {words}"


def test_text_on_stderr_is_no_failure() -> None:
    warned = completed("sbatch", "sbatch: warning: can't honor --ntasks", 0, "17\n")
    assert submit.parse_sbatch(warned) == 17


def test_a_job_id_among_a_wrappers_lines_is_found() -> None:
    noisy = completed("ssh", "", 0, "Welcome to login1\n42;cluster\n")
    assert submit.parse_sbatch(noisy) == 42


def test_success_without_a_job_id_is_an_unexpected_answer() -> None:
    with pytest.raises(UnexpectedAnswer):
        submit.parse_sbatch(completed("sbatch", "", 0, "ok\n"))


def test_a_forbidden_cancel_is_refused() -> None:
    text = "scancel: error: Kill job error on job id 5: Access/permission denied"
    with pytest.raises(SlurmRefused):
        cancel.check_scancel(completed("scancel", text))


def test_gone_jobs_beside_others_are_no_error() -> None:
    text = "scancel: error: Kill job error on job id 5: Job/step already completing or completed"
    cancel.check_scancel(completed("scancel", text))


def test_an_unforeseen_failure_is_an_unexpected_answer() -> None:
    assert isinstance(failure(completed("squeue", "squeue: error: what?")), UnexpectedAnswer)


def test_messages_are_one_short_line() -> None:
    said = message_of(completed("sbatch", "sbatch: error: a\nsbatch: error: a\nsbatch: b\n" * 500))
    assert said == "a; b"
    assert len(message_of(completed("sbatch", "x" * 5000))) <= 500
