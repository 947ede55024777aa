"""A whole plugin over a fake cluster, whose background work runs when a test says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from slurm_plugin.jobs.files import Files
from slurm_plugin.jobs.plugin import Plugin, build
from tests.fakes.clock import FakeClock
from tests.fakes.fake_backend import FakeBackend
from tests.fakes.pods import settings_for


class World:
    """One data folder, one cluster and one clock; plugins come and go.

    Args:
        root: the data folder.
        settings: rooms of the settings to replace.
    """

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.settings = settings_for(root, **settings)
        self.clock = FakeClock()
        self.backend = FakeBackend(now=self.clock.now)
        self.delete_answered = False
        self._plugins: list[Plugin] = []

    @property
    def plugin(self) -> Plugin:
        """The plugin that runs now."""
        return self._plugins[-1]

    def boot(self, files: Files | None = None, *, recover: bool = True) -> Plugin:
        """Start a plugin, as after a crash of the one before."""
        plugin = build(self.settings, self.backend, "test", clock=self.clock, files=files)
        self._plugins.append(plugin)
        plugin.store.prepare()
        if recover:
            plugin.pods._recover()
        return plugin

    def rounds(self, seconds: float) -> None:
        """Let time pass, with the background work every half second."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            for chore in self._chores():
                chore()
            self.clock.advance(0.5)

    def close(self) -> None:
        """End all plugins."""
        for plugin in self._plugins:
            plugin.pods.close()

    def directories(self) -> list[str]:
        """Names of the pods' directories."""
        return sorted(path.name for path in self.root.iterdir() if path.name[0] != ".")

    def _chores(self) -> list[Callable[[], None]]:
        keepers = (*self.plugin.pods.keepers(), self.plugin.capacity_keeper)
        return [chore for keeper in keepers for chore in keeper._chores]
