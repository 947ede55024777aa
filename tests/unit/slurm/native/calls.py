"""Functions for workers, which find them by name."""

import os

from slurm_plugin.errors import BackendUnavailable, SlurmRefused


def refuse() -> None:
    raise SlurmRefused("Invalid account")


def lose_the_answer() -> None:
    raise BackendUnavailable("lost", outcome_unknown=True, retry_after=7)


def die(words: str) -> None:
    os.write(2, words.encode())
    os._exit(1)


def write(words: str) -> None:
    os.write(2, words.encode())


def variable(name: str) -> str:
    return os.environ.get(name, "")
