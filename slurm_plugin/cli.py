"""The command line: all commands, `--version`, and the Go plugin's flags.

Exit codes: 0 for a clean end, 1 when it failed while running, 2 when it could not start.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn

from slurm_plugin.config.load import LoadedSettings, load_settings
from slurm_plugin.errors import ConfigError, SlurmPluginError
from slurm_plugin.release import release

_log = logging.getLogger(__name__)

EXIT_CLEAN: Final = 0
EXIT_FAILED: Final = 1
EXIT_NOT_STARTED: Final = 2
_CLIENT_COMMANDS: Final = MappingProxyType(
    {
        "submit": "send a pod to a running plugin",
        "status": "show its containers",
        "logs": "show the log of one",
        "delete": "end it and remove its files",
    }
)
_COMMANDS: Final = ("serve", "check-config", "render", "doctor", *_CLIENT_COMMANDS)
# Go's flag package: one or two dashes, and `=true` or `=false` for switches.
_GO_FLAG: Final = re.compile(r"--?(SlurmConfigpath|verbose|errorsonly)(?:=(.*))?", re.DOTALL)
_GO_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_GO_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class _Parser(argparse.ArgumentParser):
    """One sentence on stderr instead of usage and error."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_NOT_STARTED, f"slurm-plugin: {message}; see slurm-plugin --help\n")


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; None for the process's own.

    Returns:
        The exit code.
    """
    try:
        options = _parser().parse_args(_modern(sys.argv[1:] if argv is None else argv))
        return _run(options)
    except ConfigError as error:
        for problem in error.problems:
            _say(problem)
        return EXIT_NOT_STARTED
    except SlurmPluginError as error:
        _say(str(error))
        return EXIT_FAILED
    except BrokenPipeError:  # `slurm-plugin render ... | head`
        sys.stdout = None
        return EXIT_FAILED
    except SystemExit as end:  # argparse: --help, --version, wrong arguments
        return end.code if isinstance(end.code, int) else EXIT_CLEAN
    except KeyboardInterrupt:
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    if options.command in _CLIENT_COMMANDS:
        return _ask_plugin(options)
    loaded = load_settings(options.config, os.environ, _overrides(options))
    if options.command == "check-config":
        return _check(loaded)
    if options.command == "render":
        return _render(loaded, options)
    return _examine(loaded, options) if options.command == "doctor" else _serve(loaded)


def _serve(loaded: LoadedSettings) -> int:
    from slurm_plugin.serving import serve  # noqa: PLC0415 - check-config needs none of it

    return EXIT_CLEAN if serve(loaded) else EXIT_FAILED


def _check(loaded: LoadedSettings) -> int:
    for warning in loaded.warnings:
        _say(f"warning: {warning}")
    sys.stdout.write("the configuration can be used\n")
    return EXIT_CLEAN


def _render(loaded: LoadedSettings, options: argparse.Namespace) -> int:
    from slurm_plugin.client import rendering  # noqa: PLC0415 - as above
    from slurm_plugin.client.manifests import read_manifest  # noqa: PLC0415

    translated = rendering.rendered(read_manifest(options.pod), loaded.settings)
    write = rendering.as_json if options.json else rendering.as_text
    sys.stdout.write(write(translated))
    return EXIT_CLEAN


def _examine(loaded: LoadedSettings, options: argparse.Namespace) -> int:
    from slurm_plugin.doctor.run import examine  # noqa: PLC0415 - as above

    sound = examine(loaded, options.flags, options.wait, sys.stdout)
    return EXIT_CLEAN if sound else EXIT_FAILED


def _ask_plugin(options: argparse.Namespace) -> int:
    from slurm_plugin.client.commands import Commands  # noqa: PLC0415 - as above
    from slurm_plugin.client.connection import PluginConnection, url_of  # noqa: PLC0415
    from slurm_plugin.client.known_pods import KnownPods, state_directory  # noqa: PLC0415

    # With --url nobody needs to be able to read the service's config file.
    url = options.url or url_of(load_settings(options.config, os.environ, {}).settings.service)
    Commands(PluginConnection(url), KnownPods(state_directory(os.environ))).run(options)
    return EXIT_CLEAN


def _say(sentence: str) -> None:
    sys.stderr.write(f"slurm-plugin: {' '.join(sentence.split())}\n")


def _parser() -> _Parser:
    parser = _Parser(prog="slurm-plugin", description="Runs Kubernetes pods as SLURM jobs.")
    parser.add_argument("--version", action="version", version=release())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    serve = commands.add_parser("serve", help="run the service (the default)", allow_abbrev=False)
    check = commands.add_parser(
        "check-config", help="report what is wrong with the configuration", allow_abbrev=False
    )
    for command in (serve, check):
        _add_options(command)
    _add_tools(commands)
    return parser


def _add_tools(commands: "argparse._SubParsersAction[_Parser]") -> None:
    from slurm_plugin.client.commands import add_arguments  # noqa: PLC0415 - serve needs none of it

    render = commands.add_parser("render", help="show the job that a pod would become")
    render.add_argument("pod", type=Path, metavar="POD.yaml")
    render.add_argument("--json", action="store_true", help="for programs; files without content")
    doctor = commands.add_parser("doctor", help="check this host and the cluster, with remedies")
    doctor.add_argument("--flags", default="", help="sbatch options of the trial job")
    doctor.add_argument(
        "--wait", type=float, default=120, metavar="SECONDS", help="for the trial job; 0: no job"
    )
    for command in (render, doctor):
        _add_config(command)
    for name, text in _CLIENT_COMMANDS.items():
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        _add_config(command)
        add_arguments(name, command)


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="config file; else SLURMCONFIGPATH, else /etc/interlink/SlurmConfig.yaml",
    )


def _add_options(command: argparse.ArgumentParser) -> None:
    _add_config(command)
    command.add_argument("--listen", metavar="ADDRESS", help="over Listen of the config file")
    command.add_argument("--port", metavar="PORT", help="over SidecarPort of the config file")
    command.add_argument("--socket", metavar="unix:///PATH", help="over Socket of the config file")
    command.add_argument("--verbose", action="store_true", help="log level debug")
    command.add_argument("--errors-only", action="store_true", help="log level error")


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    if options.command not in ("serve", "check-config"):
        return {}
    given = {
        "Listen": options.listen,
        "SidecarPort": options.port,
        "Socket": options.socket,
        "VerboseLogging": options.verbose or None,
        "ErrorsOnlyLogging": options.errors_only or None,
    }
    if options.socket is None and (options.listen or options.port):
        given["Socket"] = ""  # whoever names a port wants TCP
    return {key: value for key, value in given.items() if value is not None}


def _modern(argv: Sequence[str]) -> list[str]:
    """The Go plugin's flags as ours, and `serve` where no command is given."""
    words: list[str] = []
    for word in argv:
        flag = _GO_FLAG.fullmatch(word)
        words += _translated(flag) if flag else [word]
    if not words or words[0] not in (*_COMMANDS, "--version", "--help", "-h"):
        words.insert(0, "serve")
    return words


def _translated(flag: re.Match[str]) -> list[str]:
    name, value = flag[1], flag[2]
    if name == "SlurmConfigpath":
        return ["--config"] if value is None else [f"--config={value}"]
    if value is not None and value not in _GO_TRUE | _GO_FALSE:
        raise ConfigError([f"-{name} is true or false, not {value!r}"])
    if value in _GO_FALSE:
        return []
    return ["--verbose" if name == "verbose" else "--errors-only"]
