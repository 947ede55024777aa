"""Builds the native query module on this host: `python -m slurm_plugin.slurm.native.build`.

Needs pyslurm, Cython 3, a C compiler, and the headers of Python and SLURM. SLURM_INCLUDE_DIR and
SLURM_LIB_DIR mean the same as for pyslurm's own build. The result lies beside pyslurm, or where
`--into` says. Run it again after an update of SLURM or pyslurm: a module that does not fit is not
used. Imports nothing of the plugin, so that an image can build it before the plugin is there.
"""

import argparse
import ctypes
import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODULE: Final = "slurm_plugin_fastquery"
_SOURCE: Final = Path(__file__).with_name("fastquery.pyx")
_LIBRARY: Final = "slurmfull"
_INSIDE: Final = ("slurm-wlm", "slurm", "")


class BuildFailed(Exception):  # noqa: N818 - named for what happened
    """The module could not be built; the message is one sentence."""


@dataclass(frozen=True)
class Places:
    """Where things are.

    Attributes:
        packages: the directory that holds pyslurm.
        include: the directory with `slurm/slurm.h`.
        library: the directory with libslurmfull.so.
    """

    packages: Path
    include: Path
    library: Path


def find_places(environment: Mapping[str, str]) -> Places:
    """Look for pyslurm and SLURM.

    Raises:
        BuildFailed: one of them is missing.
    """
    # find_spec does not run pyslurm, which could end this process.
    spec = importlib.util.find_spec("pyslurm")
    if spec is None or spec.origin is None:
        raise BuildFailed("pyslurm is not installed for this Python")
    include = Path(environment.get("SLURM_INCLUDE_DIR") or "/usr/include")
    if not (include / "slurm" / "slurm.h").is_file():
        raise BuildFailed(f"there is no slurm/slurm.h in {include}: set SLURM_INCLUDE_DIR")
    return Places(Path(spec.origin).parents[1], include, _find_library(environment))


def _find_library(environment: Mapping[str, str]) -> Path:
    given = environment.get("SLURM_LIB_DIR")
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    roots = [given] if given else [f"/usr/lib/{multiarch}", "/usr/lib64", "/usr/lib"]
    for root in roots:
        for inside in _INSIDE:
            if (Path(root) / inside / f"lib{_LIBRARY}.so").is_file():
                return Path(root) / inside
    raise BuildFailed(f"lib{_LIBRARY}.so is not below {', '.join(roots)}: set SLURM_LIB_DIR")


def library_number(library: Path) -> int:
    """What the library says of itself; the module compares it when it is loaded."""
    loaded = ctypes.CDLL(str(library / f"lib{_LIBRARY}.so"))
    loaded.slurm_api_version.restype = ctypes.c_long
    return int(loaded.slurm_api_version())


def compile_command(places: Places, number: int, source: Path, target: Path) -> list[str]:
    """The C compiler's arguments.

    Args:
        places: where headers and libraries are.
        number: of `library_number`.
        source: the C file.
        target: the shared object.
    """
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")
    headers = [places.include, places.packages, Path(sysconfig.get_path("include"))]
    return [
        *compiler,
        *("-shared", "-fPIC", "-O2", f"-DSP_BUILT_FOR={number}L"),
        *(f"-I{folder}" for folder in headers),
        str(source),
        *("-o", str(target)),
        *(f"-L{places.library}", f"-l{_LIBRARY}", f"-Wl,-rpath,{places.library}"),
    ]


def build(places: Places, into: Path, source: Path = _SOURCE) -> Path:
    """Build the module; returns its file.

    Raises:
        BuildFailed: Cython or the compiler said no.
    """
    suffix = sysconfig.get_config_var("EXT_SUFFIX") or ".so"
    target = into / f"{MODULE}{suffix}"
    with tempfile.TemporaryDirectory(prefix="slurm-plugin-build-") as folder:
        c_file, made = Path(folder, f"{MODULE}.c"), Path(folder, target.name)
        translate = [sys.executable, "-m", "cython", "-3", f"-I{places.packages}"]
        _run([*translate, "--module-name", MODULE, "-o", str(c_file), str(source)])
        _run(compile_command(places, library_number(places.library), c_file, made))
        # In one step: a plugin that starts meanwhile sees the old module or the new one.
        part = target.with_name(f".{target.name}.new")
        part.write_bytes(made.read_bytes())
        part.chmod(0o755)
        part.replace(target)
    return target


def _run(argv: Sequence[str]) -> None:
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
    except OSError as error:
        raise BuildFailed(f"{argv[0]} could not be started: {error}") from None
    if done.returncode:
        raise BuildFailed(f"{' '.join(argv[:3])} failed:\n{done.stderr.strip() or done.stdout}")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0 built, 1 not."""
    parser = argparse.ArgumentParser(description="Builds the native query module.")
    parser.add_argument("--into", type=Path, help="directory; else the one that holds pyslurm")
    options = parser.parse_args(argv)
    try:
        places = find_places(os.environ)
        target = build(places, options.into or places.packages)
    except (BuildFailed, OSError) as error:
        sys.stderr.write(f"native query not built: {error}\n")
        return 1
    sys.stdout.write(f"built {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
