"""The table of states: total, and the same however SLURM writes a state."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slurm_plugin.slurm.states import (
    JobFlag,
    JobState,
    has_ended,
    holds_nodes,
    parse_state,
    parse_state_word,
)

NONE: frozenset[JobFlag] = frozenset()

# squeue(1), JOB STATE CODES, and slurm.h, enum job_states.
BASES = [
    ("PD", "PENDING", 0),
    ("R", "RUNNING", 1),
    ("S", "SUSPENDED", 2),
    ("CD", "COMPLETED", 3),
    ("CA", "CANCELLED", 4),
    ("F", "FAILED", 5),
    ("TO", "TIMEOUT", 6),
    ("NF", "NODE_FAIL", 7),
    ("PR", "PREEMPTED", 8),
    ("BF", "BOOT_FAIL", 9),
    ("DL", "DEADLINE", 10),
    ("OOM", "OUT_OF_MEMORY", 11),
]


@pytest.mark.parametrize(("code", "name", "number"), BASES)
def test_a_base_state_reads_the_same_in_all_its_notations(
    code: str, name: str, number: int
) -> None:
    expected = (JobState[name], NONE)
    assert parse_state(code) == expected
    assert parse_state(name) == expected
    assert parse_state(name.lower()) == expected
    assert parse_state_word(number) == expected


def test_every_base_state_is_in_the_table() -> None:
    assert {JobState[name] for _, name, _ in BASES} == set(JobState) - {JobState.UNKNOWN}


@pytest.mark.parametrize(
    ("text", "state", "flag"),
    [
        ("CG", "UNKNOWN", "COMPLETING"),
        ("COMPLETING", "UNKNOWN", "COMPLETING"),
        ("CF", "RUNNING", "CONFIGURING"),
        ("RQ", "PENDING", "REQUEUED"),
        ("RH", "PENDING", "REQUEUE_HOLD"),
        ("RF", "PENDING", "REQUEUE_FED"),
        ("SE", "PENDING", "SPECIAL_EXIT"),
        ("RD", "PENDING", "RESV_DEL_HOLD"),
        ("RS", "RUNNING", "RESIZING"),
        ("ST", "RUNNING", "STOPPED"),
        ("SI", "RUNNING", "SIGNALING"),
        ("SO", "UNKNOWN", "STAGE_OUT"),
        ("RV", "UNKNOWN", "REVOKED"),
    ],
)
def test_a_flag_alone_implies_the_base_state_where_only_one_can_be(
    text: str, state: str, flag: str
) -> None:
    assert parse_state(text) == (JobState[state], {JobFlag[flag]})


def test_a_base_state_beside_a_flag_counts_whatever_the_flag_implies() -> None:
    expected = (JobState.COMPLETED, {JobFlag.COMPLETING, JobFlag.STOPPED})
    assert parse_state("STOPPED,COMPLETED,COMPLETING") == expected
    assert parse_state("ST+CD+CG") == expected


def test_sacct_says_who_cancelled() -> None:
    assert parse_state("CANCELLED by 1000") == (JobState.CANCELLED, NONE)


@pytest.mark.parametrize(
    ("bit", "flag"),
    [
        (10, "REQUEUED"),
        (11, "REQUEUE_HOLD"),
        (12, "SPECIAL_EXIT"),
        (14, "CONFIGURING"),
        (15, "COMPLETING"),
        (16, "STOPPED"),
        (22, "SIGNALING"),
    ],
)
def test_a_raw_word_has_base_and_flags_apart(bit: int, flag: str) -> None:
    assert parse_state_word(3 | 1 << bit) == (JobState.COMPLETED, {JobFlag[flag]})


def test_an_unknown_word_is_unknown_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert parse_state("NEW_IN_27_11") == (JobState.UNKNOWN, NONE)
    assert [record.getMessage() for record in caplog.records] == [
        "SLURM reports the unknown job state 'NEW_IN_27_11': the last known state is kept"
    ]


def test_an_unknown_base_number_is_unknown_and_keeps_its_flags() -> None:
    assert parse_state_word(0xF0 | 1 << 15) == (JobState.UNKNOWN, {JobFlag.COMPLETING})


def test_an_empty_state_is_unknown() -> None:
    assert parse_state("") == (JobState.UNKNOWN, NONE)


@given(st.text(max_size=30))
def test_no_text_raises_or_reads_as_success_by_chance(text: str) -> None:
    words = {word.strip().partition(" ")[0].upper() for word in text.replace("+", ",").split(",")}
    state, _ = parse_state(text)
    assert state.is_success == (state is JobState.COMPLETED)
    assert not state.is_success or words & {"CD", "COMPLETED"}


@given(st.integers(0, 0xFFFFFFFF))
def test_no_raw_word_raises(word: int) -> None:
    state, _ = parse_state_word(word)
    assert state.is_success == (word & 0xFF == 3)


def test_what_ends_a_job() -> None:
    alive = {JobState.PENDING, JobState.RUNNING, JobState.SUSPENDED, JobState.UNKNOWN}
    assert {state for state in JobState if not state.is_terminal} == alive
    assert has_ended(JobState.FAILED, NONE)
    assert not has_ended(JobState.FAILED, frozenset({JobFlag.COMPLETING}))
    assert not has_ended(JobState.UNKNOWN, NONE)


def test_what_occupies_nodes() -> None:
    assert holds_nodes(JobState.RUNNING, frozenset({JobFlag.STOPPED}))
    assert holds_nodes(JobState.SUSPENDED, NONE)
    assert holds_nodes(JobState.COMPLETED, frozenset({JobFlag.COMPLETING}))
    assert not holds_nodes(JobState.PENDING, NONE)
    assert not holds_nodes(JobState.COMPLETED, NONE)
