"""CPU, memory, GPUs and time."""

import pytest

from slurm_plugin.config.settings import Flavor, PodSettings
from slurm_plugin.errors import InvalidRequest
from slurm_plugin.pods.quantities import site_memory_mib


def _container(name, limits=None, requests=None, **more):
    resources = {"limits": limits, "requests": requests}
    return {"name": name, "image": "/i.sif", "command": ["x"], "resources": resources, **more}


def test_nothing_asked_gives_no_options(plan):
    assert plan().pod_options == ()
    assert [o.name for o in plan().default_options] == ["signal"]


def test_app_containers_add_up_and_cpus_are_rounded_up(plan, as_options):
    pod = plan(
        [
            _container("a", {"cpu": "1500m", "memory": "1Gi"}),
            _container("b", {"cpu": "0.7", "memory": "1"}),
        ]
    )
    assert as_options(pod) == {"cpus-per-task": "3", "mem": "1025M"}


def test_limits_go_before_requests(plan, as_options):
    pod = plan([_container("a", {"cpu": "2"}, {"cpu": "8", "memory": "64Mi"})])
    assert as_options(pod) == {"cpus-per-task": "2", "mem": "64M"}


def test_an_init_container_counts_with_the_sidecars_before_it(plan, as_options):
    init = [
        _container("early", {"cpu": "6"}),
        _container("side", {"cpu": "1"}, restartPolicy="Always"),
        _container("late", {"cpu": "6"}),
    ]
    assert as_options(plan([_container("a", {"cpu": "2"})], initContainers=init)) == {
        "cpus-per-task": "7"
    }
    assert as_options(plan([_container("a", {"cpu": "9"})], initContainers=init)) == {
        "cpus-per-task": "10"
    }


@pytest.mark.parametrize("quantity", ["0", "0Mi", 0])
def test_zero_memory_is_left_to_slurm(plan, quantity):
    assert plan([_container("a", {"memory": quantity})]).pod_options == ()


@pytest.mark.parametrize(
    "quantity", ["12Zi", "-1", "NaN", "", ".", "1 Gi", "1_000", "1e99", True, [], "inf"]
)
def test_a_bad_quantity_is_refused_with_its_field(plan, quantity):
    containers = [_container("a"), _container("b", {"memory": quantity})]
    with pytest.raises(InvalidRequest, match=r"spec\.containers\[1\]\.resources\.limits\.memory: "):
        plan(containers)


def test_gpus_become_gres_without_a_flavor(plan, as_options):
    settings = PodSettings(gpu_types={"nvidia.com/gpu": "gpu", "nvidia.com/a100": "gpu:a100"})
    pod = plan(
        [_container("a", {"nvidia.com/gpu": "1"}), _container("b", {"nvidia.com/a100": 2})],
        settings=settings,
    )
    assert as_options(pod) == {"gres": "gpu:1,gpu:a100:2"}


def test_gres_that_the_user_wrote_are_not_overruled(plan, as_options):
    flags = {"slurm-job.vk.io/flags": "--gres=gpu:a100:2"}
    pod = plan([_container("a", {"nvidia.com/gpu": "2"})], annotations=flags)
    assert as_options(pod) == {}
    assert pod.annotation_flags == "--gres=gpu:a100:2"


def test_amd_gpus_add_the_runtimes_option(plan):
    assert " --rocm " in plan([_container("a", {"amd.com/gpu": "1"})]).body
    assert " --rocm " not in plan([_container("a", {"nvidia.com/gpu": "1"})]).body


def test_storage_and_deadline_become_options(plan, as_options):
    pod = plan([_container("a", {"ephemeral-storage": "2G"})], activeDeadlineSeconds=61)
    assert as_options(pod) == {"tmp": "1908M", "time": "2"}


def test_an_unknown_resource_is_noted(plan):
    notes = plan([_container("a", {"example.com/fpga": "1"})]).notes
    assert any("example.com/fpga" in note for note in notes)


def test_defaults_are_the_flavors_before_the_sites(plan):
    settings = PodSettings(
        flavors={"big": Flavor(cpu_default=8, slurm_flags=("--partition=big",))},
        default_flavor="big",
        default_cpu=2,
        default_memory="1G",
    )
    pod = plan(settings=settings)
    assert [(o.name, o.value) for o in pod.default_options] == [
        ("cpus-per-task", "8"),
        ("mem", "1024M"),
        ("signal", "B:USR1@35"),
    ]
    assert pod.flavor_flags == ("--partition=big",)


def _gpu_flavors():
    return PodSettings(
        flavors={
            "plain": Flavor(slurm_flags=("-p", "cpu")),
            "one": Flavor(slurm_flags=("--gres=gpu:1",)),
            "four": Flavor(slurm_flags=("--gres=gpu:a100:4",)),
        },
        default_flavor="plain",
    )


@pytest.mark.parametrize(
    ("gpus", "flags"),
    [("4", "--gres=gpu:a100:4"), ("1", "--gres=gpu:1"), ("2", "--gres=gpu:1"), ("0", "-p")],
)
def test_the_flavor_is_chosen_by_the_number_of_gpus(plan, gpus, flags):
    pod = plan([_container("a", {"nvidia.com/gpu": gpus})], settings=_gpu_flavors())
    assert pod.flavor_flags[0] == flags


@pytest.mark.parametrize(
    ("gpus", "flavor", "flags", "expected"),
    [
        ("2", "one", "", {"gres": "gpu:2"}),
        ("2", "four", "", {"gres": "gpu:a100:2"}),
        ("4", "four", "", {}),
        ("2", "four", "--gres=gpu:v100:1", {}),
        ("2", "none", "", {"gpus": "a100:2"}),
        ("0", "four", "", {}),
        ("2", "plain", "", {"gres": "gpu:2"}),
    ],
)
def test_the_number_of_gpus_is_the_pods(plan, as_options, *, gpus, flavor, flags, expected):
    settings = _gpu_flavors()
    settings.flavors["none"] = Flavor(slurm_flags=("--gpus=a100:1",))
    given = {"slurm-job.vk.io/flavor": flavor, "slurm-job.vk.io/flags": flags}
    pod = plan([_container("a", {"nvidia.com/gpu": gpus})], settings=settings, annotations=given)
    assert as_options(pod) == expected


def test_the_annotation_chooses_the_flavor_and_an_unknown_one_is_noted(plan):
    four = plan(annotations={"slurm-job.vk.io/flavor": "four"}, settings=_gpu_flavors())
    assert four.flavor_flags == ("--gres=gpu:a100:4",)
    unknown = plan(annotations={"slurm-job.vk.io/flavor": "x"}, settings=_gpu_flavors())
    assert unknown.flavor_flags == ("-p", "cpu")
    assert any("flavor" in note for note in unknown.notes)


@pytest.mark.parametrize(
    ("text", "mebibytes"),
    [("16G", 16384), ("16GB", 16384), ("32000M", 32000), ("1024K", 1), ("1", 1), ("1Ti", 1 << 20)],
)
def test_the_configs_sizes_are_powers_of_1024(text, mebibytes):
    assert site_memory_mib(text, "MemoryDefault") == mebibytes
