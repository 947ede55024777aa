"""What the ping says of the cluster (contract, section 4)."""

import json
import stat

import pytest

from slurm_plugin.api.wire import encoded
from slurm_plugin.config.settings import CapacitySettings, Taint
from slurm_plugin.errors import BackendUnavailable, SlurmPluginError, UnexpectedAnswer
from slurm_plugin.jobs.capacity import Capacity, resource_type, total
from slurm_plugin.jobs.resource_script import read_ping, run_resource_script
from slurm_plugin.slurm.base import NodeInfo
from tests.fakes.clock import FakeClock
from tests.fakes.fake_backend import FakeBackend

DEFAULTS = CapacitySettings()
NODES = [
    NodeInfo("n1", 4, 8000, partitions=("cpu", "all"), gres={"gpu:a100": 2, "gpu": 1, "shard": 8}),
    NodeInfo("n2", 8, 16000, cpus_allocated=6, memory_mib_allocated=1000, partitions=("admin",)),
    NodeInfo("n3", 99, 99, usable=False, partitions=("cpu",), gres={"gpu": 9}),
]


def accelerators(resources):
    return {one.resource_type: one.available for one in resources.accelerators}


def refreshed(capacity):
    capacity.ping()
    capacity.refresh()
    return capacity.ping()


def script(tmp_path, text):
    path = tmp_path / "size"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_nodes_that_can_take_work_are_added_up():
    size = total(NODES, DEFAULTS)
    assert (size.cpu, size.memory, size.pods) == ("12", "24000Mi", "10000")
    assert accelerators(size) == {"nvidia.com/gpu": "3"}


def test_free_leaves_out_what_jobs_hold():
    size = total(NODES, CapacitySettings(capacity="free"))
    assert (size.cpu, size.memory) == ("6", "23000Mi")


@pytest.mark.parametrize(
    ("settings", "cpus"),
    [
        ({"excluded_partitions": ("admin",)}, "4"),
        ({"excluded_partitions": ("cpu",)}, "12"),  # n1 is in `all` as well
        ({"excluded_partitions": ("cpu", "all")}, "8"),
        ({"capacity_partitions": ("all",)}, "4"),
        ({"capacity_partitions": ("all", "admin"), "excluded_partitions": ("all",)}, "8"),
        ({"capacity_partitions": ("nosuch",)}, "0"),
    ],
)
def test_partitions_decide_which_nodes_count(settings, cpus):
    assert total(NODES, CapacitySettings(**settings)).cpu == cpus


@pytest.mark.parametrize(
    ("gres", "name"),
    [
        ("gpu", "nvidia.com/gpu"),
        ("gpu:a100", "nvidia.com/gpu"),
        ("gpu:mi250x", "amd.com/gpu"),
        ("gpu:pvc", "intel.com/gpu"),
        ("gpu:mig-1g.5gb", "nvidia.com/gpu"),
        ("shard", ""),
    ],
)
def test_gres_have_names_in_kubernetes(gres, name):
    assert resource_type(gres, DEFAULTS.accelerator_types) == name


def test_types_of_the_site_replace_the_defaults():
    size = total(NODES, CapacitySettings(accelerator_types={"gpu:a100": "x/a100", "shard": "x/s"}))
    assert accelerators(size) == {"x/a100": "2", "x/s": "8"}


def test_accelerators_that_are_gone_are_sent_as_0_for_good():
    backend, clock = FakeBackend(), FakeClock()
    capacity = Capacity(backend, DEFAULTS, clock)
    backend.set_nodes(NODES)
    refreshed(capacity)
    backend.set_nodes([NodeInfo("n1", 4, 8000)])
    for _ in range(2):
        clock.advance(31)
        assert accelerators(refreshed(capacity).resources) == {"nvidia.com/gpu": "0"}
    backend.set_nodes(NODES)
    clock.advance(31)
    assert accelerators(refreshed(capacity).resources) == {"nvidia.com/gpu": "3"}


def test_the_last_numbers_stand_while_slurm_is_away():
    backend, clock = FakeBackend(), FakeClock()
    capacity = Capacity(backend, CapacitySettings(taints=(Taint(key="k"),)), clock)
    assert capacity.ping().resources is None
    first = refreshed(capacity)
    assert first.resources.cpu == "4"
    assert [t.key for t in first.taints] == ["k"]
    clock.advance(31)
    backend.go_away()
    assert refreshed(capacity) == first


def test_a_taint_comes_while_slurm_is_away_and_goes_with_an_empty_list():
    backend, clock = FakeBackend(), FakeClock()
    capacity = Capacity(backend, CapacitySettings(slurm_away_taint="site/away"), clock)
    assert json.loads(encoded(refreshed(capacity)))["taints"] == []
    clock.advance(31)
    backend.go_away()
    (taint,) = json.loads(encoded(refreshed(capacity)))["taints"]
    assert taint == {"key": "site/away", "value": "true", "effect": "NoSchedule"}
    backend.come_back()
    clock.advance(5)  # sooner than CapacityRefreshSeconds
    assert refreshed(capacity).taints == []


def test_without_taints_the_key_is_left_out():
    assert json.loads(encoded(Capacity(FakeBackend(), DEFAULTS, FakeClock()).ping())) == {
        "status": "ok"
    }


@pytest.mark.parametrize(("patience", "fails"), [(0, False), (600, True)])
def test_the_ping_fails_only_after_the_patience_of_the_config(patience, fails):
    backend, clock = FakeBackend(), FakeClock()
    capacity = Capacity(backend, CapacitySettings(ping_fail_after_seconds=patience), clock)
    refreshed(capacity)
    backend.go_away()
    clock.advance(31)
    refreshed(capacity)
    clock.advance(599)
    capacity.ping()
    clock.advance(2)
    if fails:
        with pytest.raises(BackendUnavailable, match="601 s"):
            capacity.ping()
        backend.come_back()
        capacity.refresh()
    assert capacity.ping().resources.cpu == "4"


def test_nodes_are_asked_only_when_somebody_pings_and_not_too_often():
    backend, clock = FakeBackend(), FakeClock()
    capacity = Capacity(backend, DEFAULTS, clock)
    capacity.refresh()
    assert backend.calls["nodes"] == 0
    refreshed(capacity)
    refreshed(capacity)
    assert backend.calls["nodes"] == 1
    clock.advance(31)
    assert capacity.figures().age == 31
    refreshed(capacity)
    assert backend.calls["nodes"] == 2


def test_the_script_says_how_big_the_node_is(tmp_path):
    path = script(tmp_path, """echo '{"status":"ok","resources":{"cpu":"7"},"taints":[]}'""")
    backend = FakeBackend()
    capacity = Capacity(backend, CapacitySettings(resource_script_path=path), FakeClock())
    answer = json.loads(encoded(refreshed(capacity)))
    assert answer == {"status": "ok", "resources": {"cpu": "7"}, "taints": []}
    assert backend.calls["nodes"] == 0


def test_taints_of_the_config_stand_over_the_scripts(tmp_path):
    path = script(tmp_path, """echo '{"resources":{"cpu":"7"},"taints":[{"key":"theirs"}]}'""")
    settings = CapacitySettings(resource_script_path=path, taints=(Taint(key="ours"),))
    capacity = Capacity(FakeBackend(), settings, FakeClock())
    assert [taint.key for taint in refreshed(capacity).taints] == ["ours"]


def test_a_bad_script_leaves_it_to_slurm(tmp_path, caplog):
    path = script(tmp_path, "echo broken >&2; exit 3")
    capacity = Capacity(FakeBackend(), CapacitySettings(resource_script_path=path), FakeClock())
    assert refreshed(capacity).resources.cpu == "4"
    assert "exit code 3: broken" in caplog.text


def test_a_script_that_hangs_is_ended(tmp_path):
    with pytest.raises(SlurmPluginError, match=r"within 0\.2 s"):
        run_resource_script(script(tmp_path, "sleep 60"), 0.2)


def test_a_script_gets_arguments_and_no_shell_and_no_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "secret")
    form = '{"resources":{"cpu":"%s"},"taints":[{"key":"k","value":"%s"}]}'
    text = f"""printf '{form}' "$1" "$2$TOKEN" """
    ping = run_resource_script(f"{script(tmp_path, text)} 3 '$(id)'", 5)
    assert ping.resources.cpu == "3"
    assert ping.taints[0].value == "$(id)"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"status":"ok"}',
        '{"resources":{"cpu":7}}',
        '{"resources":{"cpu":"seven"}}',
        '{"resources":{"memory":"-1"}}',
        '{"resources":{"pods":"1.5"}}',
        '{"resources":{"accelerators":[{"resourceType":"x/y","available":"-1"}]}}',
        '{"resources":{"accelerators":[{"resourceType":"x/y"}]}}',
        '{"resources":{"cpu":"1"},"taints":[{"key":""}]}',
        '{"resources":{"cpu":"1"},"taints":[{"key":"k","effect":"Never"}]}',
        '{"resources":{"cpu":"1"}}' + " " * 70_000,
    ],
)
def test_what_the_client_would_ignore_is_refused(text):
    with pytest.raises(SlurmPluginError):
        read_ping(text)


def test_a_whole_ping_is_taken():
    ping = read_ping(
        '{"status":"ok","resources":{"cpu":"128","memory":"512Gi","pods":"1000","accelerators":'
        '[{"resourceType":"nvidia.com/gpu","available":"8"}]},"taints":[{"key":"a/b"}]}'
    )
    assert accelerators(ping.resources) == {"nvidia.com/gpu": "8"}
    assert ping.taints[0].effect == "NoSchedule"


def test_a_missing_script_is_said(tmp_path):
    with pytest.raises(SlurmPluginError, match="can't be run"):
        run_resource_script(str(tmp_path / "nosuch"), 5)


def test_no_ping_is_said_with_the_scripts_name(tmp_path):
    path = script(tmp_path, "echo hello")
    with pytest.raises(UnexpectedAnswer, match="size printed no ping"):
        run_resource_script(path, 5)
