"""File operations that fail, or kill the plugin, at the n-th change."""

from pathlib import Path
from typing import Any

from slurm_plugin.errors import StorageFailed
from slurm_plugin.jobs.files import Files

CHANGES = (
    "write",
    "write_new",
    "make_directory",
    "give",
    "remove",
    "remove_tree",
    "sync_directory",
)


class Killed(BaseException):
    """The process died: nothing in the plugin may catch this."""


class FaultyFiles(Files):
    """Real files; the change number `at` (counted from 1) goes wrong, before or after its effect.

    Args:
        at: which change; 0 for none.
        kill: raise Killed, and on every later change too, instead of StorageFailed once.
        after_effect: the change is made before the error.
    """

    def __init__(self, at: int = 0, *, kill: bool = False, after_effect: bool = False) -> None:
        self.at = at
        self.kill = kill
        self.after_effect = after_effect
        self.changes: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        method = super().__getattribute__(name)
        return self._counted(name, method) if name in CHANGES else method

    def _counted(self, name: str, method: Any) -> Any:
        def call(path: Path, *args: Any, **options: Any) -> Any:
            self.changes.append(f"{name} {path.name}")
            number = len(self.changes)
            hit = self.at and (number == self.at or (self.kill and number > self.at))
            if hit and (not self.after_effect or number > self.at):
                raise self._error(path)
            result = method(path, *args, **options)
            if hit:
                raise self._error(path)
            return result

        return call

    def _error(self, path: Path) -> BaseException:
        return Killed() if self.kill else StorageFailed(f"{path}: No space left on device")
