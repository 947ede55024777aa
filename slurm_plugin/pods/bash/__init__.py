"""The bash library that supervises a pod's containers inside the SLURM job.

The parts are plain bash 4.2 with coreutils only. They are joined into every batch script, after
the data that describes the pod and before the last line, `sp_main "$@"`; the file formats that
they write stand in `slurm_plugin.pods.layout`.

Data that the library reads (all set before it; names in brackets are optional):

- `sp_directory`, `sp_names`, `sp_kinds` (`init`, `sidecar`, `app`), `sp_grace_seconds`,
  `sp_restart_policy`, `sp_max_log_bytes`, [`sp_sidecar_restart_policy`],
  [`sp_first_backoff_seconds`] (10)
- functions `sp_unpack`, `sp_before_containers`, and for each container index N `sp_run_N`,
  [`sp_prepare_N`], [`sp_enter_N`]
- what `probes.declarations` and `lifecycle.declarations` return
"""

from importlib import resources

# Order matters to readers only: bash resolves functions when they are called.
PARTS = (
    "clock.bash",
    "files.bash",
    "claim.bash",
    "process.bash",
    "memory.bash",
    "logs.bash",
    "container.bash",
    "ending.bash",
    "checks.bash",
    "probes.bash",
    "hooks.bash",
    "stopping.bash",
    "limit.bash",
    "main.bash",
)

# For the linter of single parts: which dialect, and that variables are shared between parts.
_LINTER_LINE = "# shellcheck shell=bash disable=SC2034,SC2154\n"


def library_text() -> str:
    """The whole library, parts in `PARTS`' order, ready to stand in a batch script."""
    folder = resources.files(__name__)
    texts = (folder.joinpath(part).read_text(encoding="utf-8") for part in PARTS)
    return "\n".join(text.removeprefix(_LINTER_LINE) for text in texts)
