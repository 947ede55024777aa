"""The server in front of the endpoints, asked over real sockets."""

import socket
import stat
import threading
import time
from contextlib import closing

import pytest

from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.errors import ConfigError
from slurm_plugin.listener import open_listener
from tests.unit.service.served import UnixConnection, ask, create_body, ephemeral

MIB = 1 << 20


@pytest.fixture
def slow_create(plugin, running):
    """A server with one create in hand, and the thread that waits for its answer."""

    def start(drain_seconds=10.0):
        server = running(drain_seconds=drain_seconds)
        plugin.pods.gate.clear()
        answers = []

        def create():
            with closing(server.connect()) as connection:
                try:
                    answers.append(ask(connection, "POST", "/create", create_body())[0])
                except (OSError, EOFError) as error:
                    answers.append(type(error))

        thread = threading.Thread(target=create, daemon=True)
        thread.start()
        assert plugin.pods.entered.wait(10)
        return server, thread, answers

    return start


def test_one_connection_answers_many_requests(running):
    with closing(running().connect()) as connection:
        assert ask(connection, "GET", "/healthz") == (200, b"ok")
        first = connection.sock
        assert ask(connection, "POST", "/create", create_body())[0] == 200
        assert connection.sock is first


def test_a_get_with_a_body_is_read(running, plugin):
    body = b'[{"metadata":{"name":"p","namespace":"n","uid":"u"}}]'
    with closing(running().connect()) as connection:
        assert ask(connection, "GET", "/status", body) == (200, b"[]")
        assert ask(connection, "GET", "/status", b"[]") == (200, b'{"status":"ok"}')
    assert plugin.pods.asked == [1]


def test_a_body_of_64_mib_is_taken_in_time_and_not_put_on_disk(running, plugin, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a Secret would lie in a temporary file")

    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer.__init__", refuse)
    body = create_body(64 * MIB)
    began = time.monotonic()
    with closing(running().connect()) as connection:
        assert ask(connection, "POST", "/create", body)[0] == 200
    assert time.monotonic() - began < 20
    (request,) = plugin.pods.created
    (config_map,) = request.container[0].config_maps
    assert len(config_map.data["blob"]) == 64 * MIB


def test_a_body_over_the_limit_is_refused(running, plugin):
    with closing(running(ephemeral(max_request_mib=1)).connect()) as connection:
        # Only the announcement: the server answers without waiting for the body.
        connection.putrequest("POST", "/create")
        connection.putheader("Content-Length", str(2 * MIB))
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert b"waitress" not in answer.read()
    assert plugin.pods.created == []


def test_answers_name_no_software(running):
    with closing(running().connect()) as connection:
        connection.request("GET", "/healthz")
        headers = dict(connection.getresponse().getheaders())
    assert not {"Server", "Via", "X-Powered-By"} & set(headers)


def test_an_unforeseen_error_shows_neither_its_text_nor_a_traceback(running):
    pod = b'{"metadata":{"name":"p","namespace":"n","uid":"u"}}'
    with closing(running().connect()) as connection:
        status, text = ask(connection, "POST", "/delete", pod)
    assert status == 500
    assert b"secret-token" not in text
    assert b"Traceback" not in text


def test_connections_live_longer_than_the_clients_120_seconds(running):
    server = running()
    channel_timeout = server.server._server.adj.channel_timeout
    assert channel_timeout > 120


def test_the_request_in_hand_is_answered_after_stop(slow_create, plugin):
    server, thread, answers = slow_create()
    server.server.stop()
    time.sleep(0.3)
    assert not server.ended(timeout=0)
    plugin.pods.gate.set()
    thread.join(10)
    assert answers == [200]
    assert server.ended(timeout=5)


def test_nobody_connects_after_stop(slow_create, plugin):
    server, _, _ = slow_create()
    port = server.port
    server.server.stop()
    time.sleep(0.3)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    plugin.pods.gate.set()


def test_idle_connections_do_not_hold_the_end_up(running):
    server = running()
    with closing(server.connect()) as connection:
        ask(connection, "GET", "/healthz")
        began = time.monotonic()
        server.server.stop()
        assert server.ended(timeout=5)
    assert time.monotonic() - began < 3


def test_a_request_that_never_ends_is_given_up_after_the_limit(slow_create):
    server, _, _ = slow_create(drain_seconds=0.5)
    server.server.stop()
    assert server.ended(timeout=5)


def test_a_second_stop_ends_at_once(slow_create):
    server, _, _ = slow_create(drain_seconds=60)
    server.server.stop()
    server.server.stop()
    assert server.ended(timeout=5)


def test_a_long_answer_is_sent_whole_after_stop(running, plugin):
    plugin.capacity.ping = lambda: {"blob": "x" * (32 * MIB)}
    server = running()
    with closing(server.connect()) as connection:
        connection.request("GET", "/status", body=b"[]")
        time.sleep(0.5)
        server.server.stop()
        assert len(connection.getresponse().read()) > 32 * MIB
    assert server.ended(timeout=5)


def test_a_unix_socket_has_its_mode_answers_and_is_removed(running, tmp_path):
    path = tmp_path / "plugin.sock"
    server = running(ServiceSettings(threads=4, socket=f"unix://{path}", socket_mode=0o660))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with closing(UnixConnection(path)) as connection:
        assert ask(connection, "GET", "/healthz") == (200, b"ok")
    server.server.stop()
    assert server.ended()
    assert not path.exists()


def test_a_second_instance_on_one_unix_socket_is_refused(running, tmp_path):
    path = tmp_path / "plugin.sock"
    settings = ServiceSettings(threads=4, socket=f"unix://{path}")
    running(settings)
    with pytest.raises(ConfigError) as caught:
        open_listener(settings)
    assert caught.value.problems == [
        f"Socket {path} is taken: another instance answers there; stop it first"
    ]
    with closing(UnixConnection(path)) as connection:
        assert ask(connection, "GET", "/healthz")[0] == 200


def test_a_socket_on_which_another_program_answers_is_left_alone(tmp_path):
    path = tmp_path / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ConfigError, match="answers there"):
            open_listener(ServiceSettings(socket=f"unix://{path}"))
        assert path.exists()


def test_a_stale_unix_socket_is_replaced(running, tmp_path):
    path = tmp_path / "plugin.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    running(ServiceSettings(threads=4, socket=f"unix://{path}"))
    with closing(UnixConnection(path)) as connection:
        assert ask(connection, "GET", "/healthz")[0] == 200


def test_a_file_in_the_sockets_place_is_kept(tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ConfigError, match="is not a socket"):
        open_listener(ServiceSettings(socket=f"unix://{path}"))
    assert path.read_text() == "data"


def test_a_unix_socket_in_a_missing_directory_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="No such file or directory"):
        open_listener(ServiceSettings(socket=f"unix://{tmp_path}/none/plugin.sock"))


def test_a_taken_port_is_one_sentence(running):
    port = running().port
    with pytest.raises(ConfigError) as caught:
        open_listener(ServiceSettings(sidecar_port=port))
    assert caught.value.problems == [
        (
            f"127.0.0.1:{port} is taken: another instance runs, or another program listens there; "
            "stop it or set SidecarPort"
        )
    ]


@pytest.mark.parametrize("address", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_one_sentence(address):
    with pytest.raises(ConfigError, match="can't be listened on"):
        open_listener(ServiceSettings(listen=address))
