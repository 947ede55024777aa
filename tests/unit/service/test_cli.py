"""The command line: what is understood, what is said, exit codes."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from slurm_plugin import cli
from slurm_plugin.release import release

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("SLURMCONFIGPATH", "SIDECARPORT", "TSOCKS", "ENABLE_TRACING"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def served(monkeypatch):
    """Settings that `serve` was called with."""
    calls = []
    monkeypatch.setattr(cli, "_serve", lambda loaded: calls.append(loaded.settings) or 0)
    return calls


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "SlurmConfig.yaml"
    path.write_text("Threads: 11\n")
    return str(path)


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "--config", "{}"],
        ["--config", "{}"],
        ["--config={}"],
        ["-SlurmConfigpath", "{}"],
        ["--SlurmConfigpath", "{}"],
        ["-SlurmConfigpath={}"],
        ["-verbose=false", "-SlurmConfigpath={}"],
    ],
)
def test_no_command_means_serve_and_go_flags_are_read(served, config, words):
    assert cli.run([word.format(config) for word in words]) == 0
    (settings,) = served
    assert settings.service.threads == 11
    assert not settings.logging.verbose_logging


@pytest.mark.parametrize(
    ("words", "verbose", "errors_only"),
    [
        (["-verbose"], True, False),
        (["--verbose"], True, False),
        (["-verbose=true"], True, False),
        (["-errorsonly"], False, True),
        (["--errors-only"], False, True),
        (["-errorsonly", "-verbose"], True, True),
    ],
)
def test_log_levels_of_go(served, config, words, verbose, errors_only):
    cli.run([*words, "-SlurmConfigpath", config])
    (settings,) = served
    assert settings.logging.verbose_logging is verbose
    assert settings.logging.errors_only_logging is errors_only


def test_listen_and_port_win_over_the_file(served, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("SidecarPort: 4001\nSocket: unix:///run/x.sock\n")
    cli.run(["serve", "--config", str(path), "--listen", "::1", "--port", "4009"])
    (settings,) = served
    assert settings.service.listen == "::1"
    assert settings.service.sidecar_port == 4009
    assert settings.service.socket == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--prot", "1"], "--prot"),
        (["frobnicate"], "frobnicate"),
        (["-SlurmConfigpath"], "expected one argument"),
        (["-verbose=maybe"], "-verbose is true or false, not 'maybe'"),
        (["serve", "--config", "/no/such/file"], "config file /no/such/file does not exist"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_exit_code_2(served, capsys, words, said):
    assert cli.run(words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert served == []


def test_each_problem_is_a_line_on_stderr(served, capsys, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("Threads: x\nSidecarPort: 0\n")
    assert cli.run(["check-config", "--config", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "slurm-plugin: SidecarPort must be at least 1, not 0",
        "slurm-plugin: Threads must be a whole number, not 'x'",
    ]
    assert captured.out == ""


def test_check_config_shows_warnings_and_does_not_serve(served, capsys, tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("Thraeds: 5\n")
    assert cli.run(["check-config", "--config", str(path)]) == 0
    assert "did you mean Threads?" in capsys.readouterr().err
    assert served == []


def test_the_version_is_the_packages(capsys):
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == release()


def test_help_ends_with_0(capsys):
    assert cli.run(["--help"]) == 0
    assert "check-config" in capsys.readouterr().out


# The service as a process of its own, with a stub in the place of SLURM and the data folder.
PROGRAM = """
import sys, types, time
from types import SimpleNamespace

application = types.ModuleType("slurm_plugin.app")

class Stub:
    def __init__(self):
        self.pods = self
        self.capacity = self
        self.store = None
    def ping(self):
        print("asked", flush=True)
        time.sleep({busy})
        return {{"status": "ok"}}
    def close(self):
        print("closed", flush=True)

def open_service(settings):
    {opening}
    return Stub()

def create_app(settings, plugin, tracing=None, logs=None):
    from tests.unit.service.served import app_of
    return app_of(plugin, tracing)

application.open_service = open_service
application.create_app = create_app
sys.modules["slurm_plugin.app"] = application
from slurm_plugin.cli import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.fixture
def service(tmp_path, monkeypatch):
    started = []

    def start(*words, busy=0, opening="pass"):
        program = tmp_path / "program.py"
        program.write_text(textwrap.dedent(PROGRAM).format(busy=busy, opening=opening))
        (tmp_path / "c.yaml").touch()
        process = subprocess.Popen(
            [sys.executable, program, "serve", "--config", tmp_path / "c.yaml", *words],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def port():
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def get(port, path="/healthz", patience=15):
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                return answer.read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_cleanly(service, port, number):
    process = service("--port", str(port))
    assert get(port) == b"ok"
    process.send_signal(number)
    out, err = process.communicate(timeout=15)
    assert process.returncode == 0
    assert out == "closed\n"
    assert err.splitlines()[-1].endswith("slurm_plugin.serving stopped")


def test_a_signal_while_it_starts_ends_the_service_cleanly(service, port):
    process = service("--port", str(port), opening="print('opening', flush=True); time.sleep(0.5)")
    assert process.stdout.readline() == "opening\n"
    process.terminate()
    out, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert out == "closed\n"


def test_sigterm_lets_the_request_in_hand_finish(service, port):
    process = service("--port", str(port), busy=1)
    get(port)
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /status HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert process.stdout.readline() == "asked\n"
        process.terminate()
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    out, _ = process.communicate(timeout=15)
    assert out == "closed\n"
    assert process.returncode == 0


def test_a_second_instance_ends_before_it_touches_anything(service, port):
    service("--port", str(port))
    get(port)
    second = service("--port", str(port), opening="print('touched', flush=True)")
    out, err = second.communicate(timeout=15)
    assert second.returncode == 2
    assert out == ""
    assert err.count("\n") == 1
    assert f"127.0.0.1:{port} is taken" in err
    assert get(port) == b"ok"


@pytest.mark.parametrize(
    ("opening", "code", "said"),
    [
        ("import slurm_plugin.errors as e; raise e.ConfigError(['no slurm.conf'])", 2,
         "slurm-plugin: no slurm.conf"),
        ("import slurm_plugin.errors as e; raise e.StorageFailed('disk full')", 1,
         "error slurm_plugin.serving disk full"),
        ("raise RuntimeError('odd')", 1, "failed in an unforeseen way exception="),
    ],
)  # fmt: skip
def test_a_failed_start_says_why_in_one_line(service, port, opening, code, said):
    process = service("--port", str(port), opening=opening)
    _, err = process.communicate(timeout=15)
    assert process.returncode == code
    assert said in err.splitlines()[-1]
    assert err.count("\n") == 1


def test_python_m_slurm_plugin_runs_the_command_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "slurm_plugin", "check-config", "--config", tmp_path / "none"],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert done.returncode == 2
    assert done.stderr == f"slurm-plugin: config file {tmp_path}/none does not exist\n"
