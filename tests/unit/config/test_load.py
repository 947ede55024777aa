"""Where settings come from, and what is said about wrong ones."""

from pathlib import Path

import pytest

from slurm_plugin.config.keys import room_of_each_key
from slurm_plugin.config.load import load_settings
from slurm_plugin.config.settings import Settings
from slurm_plugin.errors import ConfigError

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def load(tmp_path):
    def do(text="", environ=None, overrides=None):
        path = tmp_path / "SlurmConfig.yaml"
        path.write_text(text)
        return load_settings(path, environ or {}, overrides or {})

    return do


@pytest.fixture
def problems_of(load):
    def do(text="", environ=None, overrides=None):
        with pytest.raises(ConfigError) as caught:
            load(text, environ, overrides)
        return caught.value.problems

    return do


def test_an_empty_file_gives_the_defaults_without_a_warning(load):
    loaded = load()
    assert loaded.settings == Settings()
    assert loaded.warnings == []


def test_a_go_config_file_is_read_with_the_same_meaning(load):
    settings = load(
        """
SidecarPort: "4001"
SbatchPath: "ssh login sbatch"
SingularityDefaultOptions: ["--nv"]
DataRootFolder: ".local/interlink/jobs/"
ExportPodData: false
Tsocks: true
TsocksPath: "$WORK/tsocks"
TsocksLoginNode: "login01"
EnableProbes: true
DefaultUID: 1001
"""
    ).settings
    assert settings.service.sidecar_port == 4001
    assert settings.slurm.sbatch_path == "ssh login sbatch"
    assert settings.pods.singularity_default_options == ("--nv",)
    assert settings.jobs.data_root_folder == Path(".local/interlink/jobs")
    assert settings.pods.export_pod_data is False
    assert settings.pods.tsocks_path == "$WORK/tsocks"
    assert settings.pods.enable_probes is True
    assert settings.pods.default_uid == 1001


def test_the_reference_file_names_every_key_and_only_defaults():
    path = REPOSITORY / "conf" / "SlurmConfig.yaml"
    loaded = load_settings(path, {}, {})
    assert loaded.warnings == []
    assert loaded.settings == Settings()
    text = path.read_text()
    named = {line.lstrip("# ").partition(":")[0] for line in text.splitlines()}
    assert set(room_of_each_key()) <= named


def test_no_key_stands_in_two_rooms():
    rooms = [field.annotation for field in Settings.model_fields.values()]
    count = sum(len(room.model_fields) for room in rooms)
    assert len(room_of_each_key()) == count


def test_a_key_without_value_counts_as_not_given(load):
    assert load("Socket:\nFlavors:\nTaints: ~\n").settings == Settings()


def test_all_problems_come_at_once(problems_of):
    problems = problems_of(
        """
SidecarPort: 70000
Threads: many
ContainerRuntime: docker
VerboseLogging: loud
Flavors: {a: {UID: -1}, b: {SlurmFlags: [partition]}}
SacctPath: ""
""",
        environ={"TSOCKS": "yes"},
    )
    assert problems == [
        "environment variable TSOCKS must be true or false, not 'yes'",
        "SidecarPort must be at most 65535, not 70000",
        "Threads must be a whole number, not 'many'",
        "ContainerRuntime must be 'singularity', 'enroot' or 'charliecloud', not 'docker'",
        "Flavors.a.UID must be at least 0, not -1",
        "VerboseLogging must be true or false, not 'loud'",
        "SacctPath must name a command; remove the key to have the default",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SidecarPort: yes", ("SidecarPort must not be true or false (put text in quotes), "
         "not true")),
        ("SidecarPort: 4000.5", "SidecarPort must be a whole number, not 4000.5"),
        ("QueryTimeoutSeconds: .nan", "QueryTimeoutSeconds must be a finite number, not nan"),
        ("QueryTimeoutSeconds: 0", "QueryTimeoutSeconds must be greater than 0, not 0"),
        ("ImagePrefix: [a]", "ImagePrefix must be text (put it in quotes)"),
        ("SingularityDefaultOptions: --nv", ("SingularityDefaultOptions must be a list, "
         "not '--nv'")),
        ("Flavors: [a]", "Flavors must be a mapping"),
        ("Flavors: {a: 3}", "Flavors.a must be a mapping, not 3"),
        ("Taints: [{Value: x}]", "Taints.1.Key is missing"),
        ("Taints: [{Key: x, Effect: Never}]",
         "Taints.1.Effect must be 'NoSchedule', 'PreferNoSchedule' or 'NoExecute', not 'Never'"),
        ("SocketMode: 440", ("SocketMode must be an octal mode such as 0o660, without execute "
         "bits, not 440")),
        ("SocketMode: rw", "SocketMode must be an octal mode such as 0o660, not 'rw'"),
        ("Socket: /run/x.sock", "Socket must be empty or unix:///path, not '/run/x.sock'"),
        ("Socket: unix://x.sock", "Socket must be empty or unix:///path, not 'unix://x.sock'"),
        (f"Socket: unix:///{'x' * 120}", "Socket must be a path of at most 107 bytes"),
        ("SbatchPath: \"ssh 'login sbatch\"", ("SbatchPath has an unclosed quotation mark: "
         "\"ssh 'login sbatch\"")),
        ("Flavors: {a: {SlurmFlags: [gpu]}}", ("Flavors.a.SlurmFlags must hold options that begin "
         "with -, not 'gpu'")),
        ("Flavors: {a: {SlurmFlags: [--partitoin=x]}}", ("Flavors.a.SlurmFlags: unknown sbatch "
         "option --partitoin; did you mean --partition?")),
        ("Flavors: {a: {}, b: {Name: a}}", "Flavors.b has the same name as Flavors.a: a"),
        ("Flavors: {a: {CPUDefault: -2}}", "Flavors.a.CPUDefault must be at least 0, not -2"),
        ('Flavors: {a: {Name: "x\\ny"}}', "Flavors.a must have a name of printable characters"),
    ],
)  # fmt: skip
def test_an_impossible_value_is_one_sentence(problems_of, text, problem):
    assert problems_of(text) == [problem]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("DefaultMemory", "DefaultMemory: lots"),
        ("MaxLogSize", "MaxLogSize: -1"),
        ("Flavors.a.MemoryDefault", "Flavors: {a: {MemoryDefault: 16 Giga}}"),
    ],
)
def test_a_size_of_memory_that_is_none_is_refused(problems_of, key, text):
    (problem,) = problems_of(text)
    assert "16G" in problem
    assert problem.startswith(f"{key}: ")


def test_tsocks_and_tls_need_their_companions(problems_of):
    problems = problems_of("Tsocks: true\nEnableTracing: true\nTelemetryCaCrtFilePath: /ca.pem\n")
    assert [problem.partition(" ")[0] for problem in problems] == [
        "TsocksPath",
        "TsocksLoginNode",
        "TelemetryClientCrtFilePath",
        "TelemetryClientKeyFilePath",
    ]


@pytest.mark.parametrize(
    ("value", "said"), [('"/bin/size \'x"', "split into words"), ("' '", "must name a program")]
)
def test_a_resource_script_is_words(problems_of, value, said):
    (problem,) = problems_of(f"ResourceScriptPath: {value}")
    assert said in problem


def test_a_value_of_the_job_environment_is_never_quoted(problems_of):
    (problem,) = problems_of("JobEnvironment: {TOKEN: yes}")
    assert problem == "JobEnvironment.TOKEN must be text (put it in quotes)"


@pytest.mark.parametrize(("text", "mode"), [("0o660", 0o660), ("0660", 0o660), ("'640'", 0o640)])
def test_a_socket_mode_is_octal_however_it_is_written(load, text, mode):
    assert load(f"SocketMode: {text}").settings.service.socket_mode == mode


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("SbatchPaht: x", ("SbatchPaht is not a config key and is ignored; "
         "did you mean SbatchPath?")),
        ("sidecarport: 1", ("sidecarport is not a config key and is ignored; "
         "did you mean SidecarPort?")),
        ("Zzz: 1", "Zzz is not a config key and is ignored"),
        ("Flavors: {a: {CpuDefault: 4}}", ("Flavors.a.CpuDefault is not a config key and is "
         "ignored; did you mean CPUDefault?")),
        ("Taints: [{Key: k, Efect: NoExecute}]", ("Taints.1.Efect is not a config key and is "
         "ignored; did you mean Effect?")),
        ("DefaultFlavor: big", "DefaultFlavor 'big' is not among the Flavors and is dropped"),
        ("Namespace: vk", ("Namespace has no effect, as in the Go plugin: remove it; "
         "pods bring their own namespace")),
        ("DefaultUID: 0", ("DefaultUID is 0, but jobs as root are refused unless AllowRootJobs "
         "is on")),
    ],
)  # fmt: skip
def test_a_doubtful_key_is_a_warning(load, text, warning):
    assert load(text).warnings == [warning]


def test_an_unknown_default_flavor_is_dropped(load):
    assert load("DefaultFlavor: big").settings.pods.default_flavor == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "'::'", "10.0.0.1", "login.example.org"])
def test_an_address_that_others_reach_is_a_warning(load, address):
    (warning,) = load(f"Listen: {address}").warnings
    assert "submit jobs" in warning


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "'::1'", "'[::1]'"])
def test_loopback_is_no_warning(load, address):
    assert load(f"Listen: {address}").warnings == []


def test_flavors_are_found_by_their_name(load):
    pods = load("Flavors: {a: {Name: gpu}, b: {}}\nDefaultFlavor: gpu").settings.pods
    assert {key: flavor.name for key, flavor in pods.flavors.items()} == {"gpu": "gpu", "b": "b"}
    assert pods.default_flavor == "gpu"


def test_a_syntax_error_names_the_line(problems_of):
    (problem,) = problems_of("SidecarPort: 4000\nSbatchPath: [sbatch\nThreads: 3\n")
    assert ", line 3: " in problem
    assert "\n" not in problem


def test_a_key_that_stands_twice_names_the_line(problems_of):
    (problem,) = problems_of("Threads: 8\nListen: localhost\nThreads: 9\n")
    assert problem.endswith(", line 3: Threads stands twice")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just words", "2026-13-45: 1\nA: 2026-13-45"])
def test_a_file_of_another_shape_is_refused(problems_of, text):
    (problem,) = problems_of(text)
    assert "\n" not in problem


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "binary"
    path.write_bytes(b"\xff\xfe\x00Threads")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings(path, {}, {})


def test_python_objects_in_yaml_are_refused(problems_of):
    (problem,) = problems_of("Listen: !!python/object/apply:os.system [true]")
    assert "line 1" in problem


def test_a_missing_default_file_is_a_warning(tmp_path):
    loaded = load_settings(None, {}, {}, default_path=tmp_path / "none.yaml")
    assert loaded.settings == Settings()
    assert loaded.warnings == [
        f"config file {tmp_path}/none.yaml does not exist: the defaults hold"
    ]


@pytest.mark.parametrize("named_by", ["argument", "variable"])
def test_a_missing_named_file_stops_the_start(tmp_path, named_by):
    missing = tmp_path / "none.yaml"
    path, environ = (
        (missing, {}) if named_by == "argument" else (None, {"SLURMCONFIGPATH": str(missing)})
    )
    with pytest.raises(ConfigError, match="does not exist"):
        load_settings(path, environ, {})


def test_the_argument_wins_over_slurmconfigpath(tmp_path):
    (tmp_path / "a").write_text("Threads: 11")
    (tmp_path / "b").write_text("Threads: 22")
    environ = {"SLURMCONFIGPATH": str(tmp_path / "b")}
    assert load_settings(tmp_path / "a", environ, {}).settings.service.threads == 11
    assert load_settings(None, environ, {}).settings.service.threads == 22


def test_file_then_environment_then_command_line(load):
    text, environ = "SidecarPort: 1111", {"SIDECARPORT": "2222"}
    assert load(text).settings.service.sidecar_port == 1111
    assert load(text, environ).settings.service.sidecar_port == 2222
    overridden = load(text, environ, {"SidecarPort": "3333"})
    assert overridden.settings.service.sidecar_port == 3333


def test_a_wrong_variable_is_named(problems_of):
    (problem,) = problems_of(environ={"SIDECARPORT": "http"})
    assert problem == (
        "SidecarPort (environment variable SIDECARPORT) must be a whole number, not 'http'"
    )


def test_every_variable_of_the_go_plugin_is_read(load, tmp_path):
    settings = load(
        "TsocksLoginNode: login",
        {
            "SIDECARPORT": "4002",
            "SBATCHPATH": "/a/sbatch",
            "SCANCELPATH": "/a/scancel",
            "SINFOPATH": "/a/sinfo",
            "SINGULARITYPATH": "/a/apptainer",
            "TSOCKS": "true",
            "TSOCKSPATH": str(tmp_path),
            "SHARED_FS": "true",
            "ENABLE_TRACING": "1",
            "TELEMETRY_ENDPOINT": "otel:4317",
            "TELEMETRY_UNIQUE_ID": "site",
            "TELEMETRY_CA_CRT_FILEPATH": "/ca",
            "TELEMETRY_CLIENT_CRT_FILEPATH": "/crt",
            "TELEMETRY_CLIENT_KEY_FILEPATH": "/key",
        },
    ).settings
    assert settings.service.sidecar_port == 4002
    assert settings.slurm.sbatch_path == "/a/sbatch"
    assert settings.slurm.scancel_path == "/a/scancel"
    assert settings.slurm.sinfo_path == "/a/sinfo"
    assert settings.pods.singularity_path == "/a/apptainer"
    assert settings.pods.tsocks is True
    assert settings.pods.tsocks_path == str(tmp_path)
    assert settings.jobs.shared_fs is True
    assert settings.telemetry.model_dump() == {
        "enable_tracing": True,
        "telemetry_endpoint": "otel:4317",
        "telemetry_unique_id": "site",
        "telemetry_ca_crt_file_path": "/ca",
        "telemetry_client_crt_file_path": "/crt",
        "telemetry_client_key_file_path": "/key",
    }


def test_an_empty_variable_counts_as_unset(load):
    environ = {"SIDECARPORT": "", "TSOCKS": "", "SHARED_FS": "", "SLURMCONFIGPATH": ""}
    assert load("SidecarPort: 4444\nSharedFS: true", environ).settings == Settings.model_validate(
        {"service": {"SidecarPort": 4444}, "jobs": {"SharedFS": True}}
    )


def test_a_tsocks_path_in_the_environment_must_exist(problems_of):
    (problem,) = problems_of(environ={"TSOCKSPATH": "/no/such/file"})
    assert problem == "environment variable TSOCKSPATH names '/no/such/file', which does not exist"


@pytest.mark.parametrize(
    ("variable", "value"), [("SHARED_FS", "1"), ("ENABLE_TRACING", "true"), ("CUSTOMKUBECONF", "x")]
)
def test_a_variable_without_effect_is_a_warning(load, variable, value):
    loaded = load(environ={variable: value})
    assert loaded.settings == Settings()
    (warning,) = loaded.warnings
    assert variable in warning


def test_settings_are_frozen(load):
    with pytest.raises(ValueError, match="frozen"):
        load().settings.service.threads = 1
