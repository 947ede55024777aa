"""One line an event, with fields, the session, and nothing that breaks lines."""

import io
import logging
import re

import falcon
import pytest
from falcon import testing

from slurm_plugin.api.middleware import RequestMiddleware
from slurm_plugin.config.settings import LoggingSettings
from slurm_plugin.logging_setup import configure, level, session_of_request
from slurm_plugin.telemetry.tracing import Tracing

log = logging.getLogger("slurm_plugin.test")


@pytest.fixture
def lines():
    """What is logged, as lines."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure(LoggingSettings(verbose_logging=True), stream)
    token = session_of_request.set(None)
    yield lambda: stream.getvalue().splitlines()
    session_of_request.reset(token)
    root.handlers[:], level_before = before
    root.setLevel(level_before)
    logging.captureWarnings(capture=False)


def test_a_line_is_time_level_logger_message_and_fields(lines):
    log.info("submitted", extra={"pod_uid": "u-1", "job_id": 17, "node": None})
    (line,) = lines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info slurm_plugin.test "
        r"submitted pod_uid=u-1 job_id=17",
        line,
    )


def test_values_with_blanks_and_quotes_are_quoted(lines):
    log.info("x", extra={"reason": 'a "b" c', "empty": ""})
    assert lines()[0].endswith(r'x reason="a \"b\" c" empty=""')


@pytest.mark.parametrize("evil", ["a\nb", "a\r\nb", "a\x1b[31mb", "a\u2028b", "a\x85b"])
def test_nothing_breaks_a_line_or_reaches_the_terminal(lines, evil):
    log.info("said %s", evil, extra={"field": evil})
    (line,) = lines()
    assert line.isprintable()


def test_a_traceback_stays_on_the_line(lines):
    log.error("failed", exc_info=ValueError("first\nsecond"))
    (line,) = lines()
    assert "ValueError: first\\nsecond" in line


def test_configuring_twice_does_not_write_twice(lines):
    stream = io.StringIO()
    configure(LoggingSettings(), stream)
    log.info("once")
    assert len(stream.getvalue().splitlines()) == 1
    assert lines() == []


@pytest.mark.parametrize(
    ("verbose", "errors_only", "expected"),
    [
        (False, False, logging.INFO),
        (False, True, logging.ERROR),
        (True, False, logging.DEBUG),
        (True, True, logging.DEBUG),
    ],
)
def test_verbose_wins_over_errors_only(verbose, errors_only, expected):
    settings = LoggingSettings(verbose_logging=verbose, errors_only_logging=errors_only)
    assert level(settings) == expected


class Resource:
    def on_get(self, req, resp):
        log.info("working")


@pytest.fixture
def client():
    app = falcon.App(middleware=[RequestMiddleware(Tracing())])
    app.add_route("/status", Resource())
    return testing.TestClient(app)


def test_all_lines_of_a_request_bear_its_session(lines, client):
    client.simulate_get("/status", headers={"Interlink-Http-Session": "GetStatus#31907"})
    assert len(lines()) == 2
    assert all(line.count("session=GetStatus#31907") == 1 for line in lines())


def test_the_next_request_does_not_inherit_the_session(lines, client):
    client.simulate_get("/status", headers={"Interlink-Http-Session": "GetStatus#1"})
    client.simulate_get("/status")
    assert "session=NoSessionFound#0" in lines()[-1]


def test_an_endless_session_is_cut(lines, client):
    client.simulate_get("/status", headers={"Interlink-Http-Session": "x" * 5000})
    assert max(len(line) for line in lines()) < 400


def test_the_debug_line_says_how_it_ended(lines, client):
    client.simulate_get("/nothing")
    assert re.search(r"debug .* GET /nothing status=404 milliseconds=[\d.]+", lines()[-1])
