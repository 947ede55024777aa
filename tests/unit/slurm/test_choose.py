"""Which backend is taken, and what is said of it."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slurm_plugin.config.settings import SlurmSettings
from slurm_plugin.errors import ConfigError
from slurm_plugin.slurm.base import Backend
from slurm_plugin.slurm.choose import open_backend
from tests.fakes.fake_backend import FakeBackend


class Pyslurm(FakeBackend):
    """A pyslurm backend with this to say against it."""

    def __init__(self, against: str) -> None:
        super().__init__()
        self.against = against

    def problem(self, timeout: float) -> str:
        assert timeout >= 10, "slurmctld's own time-out is 10 s"
        return self.against


COMMANDS = FakeBackend()


@pytest.fixture(autouse=True)
def no_slurm_conf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_CONF", raising=False)


def choose(native: Any, **settings: Any) -> tuple[Backend, str]:
    make: Callable[[SlurmSettings], Any] = native if callable(native) else lambda _: native
    return open_backend(SlurmSettings(**settings), native=make, commands=lambda _: COMMANDS)


def never(_: SlurmSettings) -> Any:
    raise AssertionError("pyslurm was tried")


def test_commands_are_taken_without_a_trial() -> None:
    assert choose(never, backend="commands") == (COMMANDS, "Backend is set to commands")


@pytest.mark.parametrize(
    ("setting", "reason"), [("auto", "pyslurm works"), ("pyslurm", "Backend is set to pyslurm")]
)
def test_pyslurm_is_taken_when_it_works(setting: str, reason: str) -> None:
    native = Pyslurm("")
    assert choose(native, backend=setting) == (native, reason)
    assert not native.closed


def test_auto_takes_the_commands_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    native = Pyslurm("fatal: no settings")
    with caplog.at_level(logging.WARNING):
        assert choose(native) == (COMMANDS, "pyslurm can't be used: fatal: no settings")
    assert native.closed
    assert "fatal: no settings" in caplog.text


def test_a_demanded_pyslurm_that_cannot_work_is_a_config_error() -> None:
    native = Pyslurm("No module named 'pyslurm'")
    with pytest.raises(ConfigError) as wrong:
        choose(native, backend="pyslurm")
    assert wrong.value.problems == [
        "Backend is pyslurm, which can't be used: No module named 'pyslurm'"
    ]
    assert native.closed


@pytest.mark.parametrize("from_settings", [True, False])
def test_a_missing_slurm_conf_is_found_without_waiting_for_libslurm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_settings: bool
) -> None:
    path = str(tmp_path / "slurm.conf")
    settings = {"slurm_conf": path} if from_settings else {}
    if not from_settings:
        monkeypatch.setenv("SLURM_CONF", path)
    assert choose(never, **settings) == (
        COMMANDS,
        f"pyslurm can't be used: SLURM_CONF is {path}, which is no file",
    )
    Path(path).touch()
    native = Pyslurm("")
    assert choose(native, **settings)[0] is native


def test_the_settings_win_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", "/nonexistent")
    (tmp_path / "slurm.conf").touch()
    native = Pyslurm("")
    assert choose(native, slurm_conf=str(tmp_path / "slurm.conf"))[0] is native


def test_no_room_for_temporary_files_speaks_against_pyslurm() -> None:
    def full(_: SlurmSettings) -> Any:
        raise FileNotFoundError("No usable temporary directory")

    assert choose(full) == (
        COMMANDS,
        "pyslurm can't be used: No usable temporary directory",
    )
