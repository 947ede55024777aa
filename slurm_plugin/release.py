"""The plugin's own release; pyproject.toml holds it, the installed package knows it."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """E.g. `0.1.0`; `0+source` when it runs from a source tree that was never installed."""
    try:
        return version("slurm-plugin")
    except PackageNotFoundError:
        return "0+source"
