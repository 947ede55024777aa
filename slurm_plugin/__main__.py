"""Entry point of `slurm-plugin`, `slurm-sd` and `python -m slurm_plugin`.

Imports nothing at module level: `multiprocessing` with the spawn method imports the main
module again in each pyslurm worker, which must stay small and quick to start.
"""


def main() -> int:
    """Run the command line; returns the process's exit code."""
    from slurm_plugin.cli import run  # noqa: PLC0415 - see the module docstring

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
