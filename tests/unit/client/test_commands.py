"""submit, status, logs and delete against a stub of a plugin."""

import argparse
import http.server
import io
import json
import socketserver
import threading

import pytest

from slurm_plugin import cli
from slurm_plugin.client.commands import Commands, add_arguments
from slurm_plugin.client.connection import PluginConnection, url_of
from slurm_plugin.client.known_pods import KnownPods
from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.errors import InvalidRequest, SlurmPluginError


def status_of(state, **more):
    container = {"name": "main", "state": state, "restartCount": 1}
    return {"name": "hello", "JID": "7", "initContainers": None, "containers": [container], **more}


RUNNING = status_of({"running": {"startedAt": "2026-01-01T00:00:00Z"}})
ENDED = status_of({"terminated": {"exitCode": 4, "reason": "Error", "message": "exit code 4"}})


@pytest.fixture
def run(plugin, pod_file, tmp_path):
    """Runs one command; returns what it printed."""
    sleeps = []

    def run(name, *words):
        parser = argparse.ArgumentParser()
        add_arguments(name, parser)
        options = parser.parse_args([str(pod_file), *words])
        options.command = name
        out = io.StringIO()
        pods = KnownPods(tmp_path / "state")
        Commands(PluginConnection(plugin.url), pods, out, sleeps.append).run(options)
        return out.getvalue()

    run.sleeps = sleeps
    return run


def test_a_pod_keeps_its_uid_from_submit_to_delete(run, plugin):
    plugin.answers["/status"] = [RUNNING]
    said = run("submit")
    uid = plugin.asked[0][2]["pod"]["metadata"]["uid"]
    assert f"UID {uid}, job 7" in said
    run("submit")
    run("status")
    run("delete")
    assert plugin.asked[1][2]["pod"]["metadata"]["uid"] == uid
    assert plugin.asked[2][2][0]["metadata"]["uid"] == uid
    assert plugin.asked[3][:2] == ("POST", "/delete")
    with pytest.raises(InvalidRequest, match="was not submitted from here"):
        run("status")
    run("submit")
    assert plugin.asked[-1][2]["pod"]["metadata"]["uid"] != uid


def test_a_uid_of_the_file_is_taken_as_it_is(run, plugin, pod_file):
    pod_file.write_text("metadata: {name: a, uid: u-9}\nspec: {containers: [{name: c}]}")
    plugin.answers["/status"] = [RUNNING]
    run("status")
    assert plugin.asked[0][2][0]["metadata"]["uid"] == "u-9"


def test_the_table_shows_state_exit_code_and_message(run, plugin):
    run("submit")
    plugin.answers["/status"] = [ENDED]
    head, names, row = run("status").splitlines()
    assert head == "pod default/hello, job 7"
    assert names.split() == ["CONTAINER", "STATE", "REASON", "EXIT", "RESTARTS", "MESSAGE"]
    assert row.split() == ["main", "terminated", "Error", "4", "1", "exit", "code", "4"]


def test_watch_shows_changes_until_the_end(run, plugin):
    run("submit")
    plugin.answers["/status"] = [RUNNING, RUNNING, ENDED]
    said = run("status", "--watch")
    assert said.count("running") == 1
    assert said.count("terminated") == 1
    assert len(run.sleeps) == 2


def test_json_is_the_answer(run, plugin):
    run("submit")
    plugin.answers["/status"] = [ENDED]
    assert json.loads(run("status", "--json")) == ENDED
    assert json.loads(run("submit", "--json")) == {"PodUID": "u", "PodJID": "7"}


def test_logs_ask_for_what_was_said(run, plugin):
    run("submit")
    plugin.answers["/getLogs"] = "naïve\n".encode()
    words = ("-c", "first", "--tail", "3", "--timestamps", "--previous", "-f")
    assert run("logs", *words) == "naïve\n"
    method, _, body = plugin.asked[-1]
    assert method == "GET"
    assert body["ContainerName"] == "first"
    opts = body["Opts"]
    assert (opts["Tail"], opts["Timestamps"], opts["Previous"], opts["Follow"]) == (3, *[True] * 3)
    run("logs")
    assert plugin.asked[-1][2]["ContainerName"] == "main"


def test_an_error_of_the_plugin_is_its_own_text(run, plugin):
    plugin.answers["/create"] = (422, b"Invalid partition name specified")
    with pytest.raises(SlurmPluginError, match="answered 422: Invalid partition name"):
        run("submit")


def test_a_name_that_is_a_path_is_refused(run, pod_file):
    pod_file.write_text("metadata: {name: ../x}\nspec: {containers: [{name: c}]}")
    with pytest.raises(InvalidRequest, match="no Kubernetes name"):
        run("submit")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "http://127.0.0.1:4000"),
        ({"listen": "0.0.0.0", "sidecar_port": 5}, "http://127.0.0.1:5"),
        ({"listen": "::1"}, "http://[::1]:4000"),
        ({"socket": "unix:///run/x"}, "unix:///run/x"),
    ],
)
def test_the_address_follows_from_the_config(given, url):
    assert url_of(ServiceSettings(**given)) == url


@pytest.mark.parametrize("url", ["127.0.0.1:4000", "ftp://x", "http://x:port"])
def test_a_wrong_url_is_said(url):
    with pytest.raises(SlurmPluginError, match="neither http"):
        PluginConnection(url).ask("GET", "/status", [])


def test_a_unix_socket_is_spoken_to(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n[1]")

        def address_string(self):
            return "unix"

        def log_message(self, *arguments):
            """Silent."""

    path = tmp_path / "s"
    with socketserver.UnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert PluginConnection(f"unix://{path}").ask("GET", "/status", []) == [1]
        thread.join()


def test_the_command_line_says_when_nobody_answers(pod_file, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert cli.run(["submit", str(pod_file), "--url", "http://127.0.0.1:1"]) == 1
    err = capsys.readouterr().err
    assert "no plugin answers at http://127.0.0.1:1" in err
    assert err.count("\n") == 1
