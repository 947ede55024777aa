"""`/getLogs` as the interLink API server calls it, on a real server."""

import http.client
import json
import socket
import threading
import time
from contextlib import ExitStack

import falcon.testing
import pytest

from slurm_plugin.api.logs import extra_threads
from slurm_plugin.app import create_app
from slurm_plugin.config.settings import ServiceSettings
from slurm_plugin.jobs.record import ContainerRecord
from slurm_plugin.listener import Listener
from slurm_plugin.logs.reader import LONG_READS, LogReader
from slurm_plugin.server import Server
from tests.fakes.pods import KEY, UID, create_body, record_of, uid_of
from tests.fakes.world import World

FOLLOWERS = 100


@pytest.fixture
def world(tmp_path):
    service = ServiceSettings(threads=4, log_followers=FOLLOWERS)
    made = World(tmp_path / "jobs", service=service)
    made.boot()
    containers = [ContainerRecord("main", "app")]
    made.plugin.store.directory(KEY).mkdir()
    made.plugin.store.save(record_of(phase="submitted", job_id=7, containers=containers))
    yield made
    made.close()


@pytest.fixture
def directory(world):
    return world.plugin.store.directory(KEY)


@pytest.fixture
def reader(monkeypatch):
    """The readers that the app makes."""
    made = []

    class Kept(LogReader):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr("slurm_plugin.app.LogReader", Kept)
    return made


@pytest.fixture
def port(world, reader):
    service = world.settings.service
    bound = socket.create_server(("127.0.0.1", 0))
    listener = Listener(bound, "loopback")
    app = create_app(world.settings, world.plugin)
    server = Server(
        app, service, listener, extra_threads=extra_threads(world.settings), drain_seconds=0.1
    )
    number = bound.getsockname()[1]
    thread = threading.Thread(target=server.run)
    thread.start()
    yield number
    server.stop()
    thread.join()


def _body(**options):
    return {
        "Namespace": "default",
        "PodUID": UID,
        "PodName": "demo",
        "ContainerName": "main",
        "Opts": {"Tail": 0, "Bytes": 0, "SinceTime": "0001-01-01T00:00:00Z", **options},
    }


@pytest.fixture
def ask(port):
    """Sends log requests; what is still open is closed in the end."""
    with ExitStack() as opened:

        def send(body):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            opened.callback(connection.close)
            connection.request("GET", "/getLogs", json.dumps(body))
            answer = connection.getresponse()
            opened.callback(answer.close)
            return answer

        yield send


def _wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_bytes_come_unchanged(ask, directory):
    content = bytes(range(256)) * 5000 + b"end"
    (directory / "run-main.out").write_bytes(content)
    answer = ask(_body())
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/plain")
    assert answer.read() == content


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"PodUID": uid_of(9)}, 200),
        ({"ContainerName": "nobody"}, 200),
        ({"PodUID": "../x"}, 400),
        ({"Namespace": None}, 400),
        ({"ContainerName": "../../etc/passwd"}, 400),
    ],
)
def test_unknown_is_empty_and_malformed_is_refused(world, directory, change, status):
    (directory / "run-main.out").write_bytes(b"words\n")
    client = falcon.testing.TestClient(create_app(world.settings, world.plugin))
    answer = client.simulate_get("/getLogs", body=json.dumps({**_body(), **change}))
    assert answer.status_code == status
    assert (answer.content == b"") == (status == 200)


class TestFollowing:
    """With time that really passes."""

    def test_headers_come_before_the_first_byte_without_words(self, ask, directory):
        begun = time.monotonic()
        answer = ask(_body(Follow=True))
        assert answer.status == 200
        assert time.monotonic() - begun < 1.0
        (directory / "run-main.out").write_bytes(b"first")
        (directory / "run-main.state").write_bytes(b"started=1\nfinished=2\nexit=0\n")
        assert answer.read() == b"first"

    def test_a_line_comes_within_a_second_of_its_writing(self, ask, directory):
        answer = ask(_body(Follow=True))
        with (directory / "run-main.out").open("wb", buffering=0) as log:
            for number in range(4):
                time.sleep(0.7)
                written = time.monotonic()
                log.write(b"%d\n" % number)
                assert answer.readline() == b"%d\n" % number
                assert time.monotonic() - written < 1.0

    def test_a_client_that_leaves_gives_its_place_back_in_two_seconds(self, ask, reader):
        answer = ask(_body(Follow=True))
        followers = reader[0].followers
        assert followers.free() == FOLLOWERS - 1
        answer.close()
        _wait_for(lambda: followers.free() == FOLLOWERS, seconds=2)

    def test_a_hundred_followers_delay_nobody_and_the_next_is_sent_away(self, ask, port):
        for _ in range(FOLLOWERS):
            assert ask(_body(Follow=True)).status == 200
        refused = ask(_body(Follow=True))
        assert (refused.status, refused.getheader("Retry-After")) == (503, "5")
        slowest = 0.0
        for number in range(20):
            begun = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("POST", "/create", json.dumps(create_body(uid_of(number))))
            assert connection.getresponse().status == 200
            slowest = max(slowest, time.monotonic() - begun)
            connection.close()
        assert slowest < 1.0


def test_the_extra_threads_cover_all_that_may_be_held(world):
    assert extra_threads(world.settings) == FOLLOWERS + LONG_READS
