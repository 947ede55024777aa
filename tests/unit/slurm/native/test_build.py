"""The build of the native query module, with a compiler and a Cython that only note."""

import ctypes
import sys
import sysconfig
from pathlib import Path

import pytest

from slurm_plugin.slurm.native import build, fast_query


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with pyslurm and SLURM, all in one folder."""
    for name in (
        "packages/pyslurm/__init__.py",
        "include/slurm/slurm.h",
        "lib/slurm/libslurmfull.so",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    monkeypatch.delitem(sys.modules, "pyslurm", raising=False)
    monkeypatch.setenv("SLURM_INCLUDE_DIR", str(tmp_path / "include"))
    monkeypatch.setenv("SLURM_LIB_DIR", str(tmp_path / "lib"))
    return tmp_path


class Library:
    """Stands for libslurm in ctypes."""

    def __init__(self, path: str) -> None:
        def slurm_api_version() -> int:
            return 0x2D0000

        self.slurm_api_version = slurm_api_version


@pytest.fixture
def tools(host: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Cython and a compiler that copy, and write down how they were called."""
    for name in ("packages/cython.py", "cc.py"):
        (host / name).write_text(
            "import shutil, sys\n"
            f"open({str(host / 'calls')!r}, 'a').write(repr(sys.argv[1:]) + '\\n')\n"
            "source = [a for a in sys.argv if a.endswith(('.pyx', '.c'))][-1]\n"
            "if '-o' in sys.argv and not source.endswith('.c') or '-shared' in sys.argv:\n"
            "    open(sys.argv[sys.argv.index('-o') + 1], 'w').write('made')\n"
        )
    monkeypatch.setenv("PYTHONPATH", str(host / "packages"))
    monkeypatch.setattr(ctypes, "CDLL", Library)
    compiler = f"{sys.executable} {host / 'cc.py'}"
    real = sysconfig.get_config_var
    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda name: compiler if name == "CC" else real(name)
    )
    return host


def test_everything_is_found_where_the_environment_says(host: Path) -> None:
    places = build.find_places(
        {"SLURM_INCLUDE_DIR": str(host / "include"), "SLURM_LIB_DIR": str(host / "lib")}
    )
    assert places == build.Places(host / "packages", host / "include", host / "lib" / "slurm")


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("packages/pyslurm/__init__.py", "pyslurm is not installed"),
        ("include/slurm/slurm.h", "set SLURM_INCLUDE_DIR"),
        ("lib/slurm/libslurmfull.so", "set SLURM_LIB_DIR"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    host: Path,
    missing: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (host / missing).unlink()
    # A pyslurm that this Python has must not be found instead.
    monkeypatch.setattr(sys, "path", [str(host / "packages")])
    if "pyslurm" in missing:
        (host / missing).parent.rmdir()
    assert build.main([]) == 1
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


def test_the_module_lands_beside_pyslurm(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main([]) == 0
    (made,) = (tools / "packages").glob("slurm_plugin_fastquery*")
    assert made.name.endswith(sysconfig.get_config_var("EXT_SUFFIX"))
    assert str(made) in capsys.readouterr().out
    cython, compiler = (tools / "calls").read_text().splitlines()
    assert "fastquery.pyx" in cython
    assert "'slurm_plugin_fastquery'" in cython
    assert f"-DSP_BUILT_FOR={0x2D0000}L" in compiler
    assert f"-Wl,-rpath,{tools / 'lib' / 'slurm'}" in compiler
    # Headers of SLURM before others: shim headers must win.
    assert compiler.index(f"-I{tools / 'include'}") < compiler.index(f"-I{tools / 'packages'}")


def test_another_folder_can_be_named(tools: Path) -> None:
    (tools / "into").mkdir()
    assert build.main(["--into", str(tools / "into")]) == 0
    assert len(list((tools / "into").iterdir())) == 1


def test_a_compiler_that_says_no_leaves_nothing_and_is_quoted(
    tools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tools / "cc.py").write_text("import sys; sys.exit('slurm.h: no such thing')")
    assert build.main([]) == 1
    assert "slurm.h: no such thing" in capsys.readouterr().err
    assert not list((tools / "packages").glob("slurm_plugin_fastquery*"))


def test_without_cython_that_is_said(tools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tools / "packages" / "cython.py").write_text("raise SystemExit('No module named cython')")
    assert build.main([]) == 1
    assert "No module named cython" in capsys.readouterr().err


def test_what_is_built_is_what_is_loaded() -> None:
    assert build.MODULE == fast_query.MODULE
