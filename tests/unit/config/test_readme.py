"""The README and the reference config say what the settings are."""

import json
import re
from pathlib import Path

import pytest
import yaml

from slurm_plugin.config.environment import _VARIABLES
from slurm_plugin.config.keys import aliases
from slurm_plugin.config.load import load_settings
from slurm_plugin.config.settings import Flavor, Settings
from slurm_plugin.pods.annotations import _KNOWN, _POD_IP, _WSTUNNEL, PREFIX

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
REFERENCE = ROOT / "conf" / "SlurmConfig.yaml"
FIELDS = {
    field.alias: field
    for room in Settings.model_fields.values()
    for field in room.annotation.model_fields.values()
}
ROWS = dict(re.findall(r"^\| `(\w+)` \| (.+?) \| ", README, re.MULTILINE))


def default_of(key):
    value = FIELDS[key].get_default(call_default_factory=True)
    if key == "SocketMode":
        return "`0o600`"
    if isinstance(value, Path):
        value = f"{value}/"
    if value is None:
        return "none"
    if isinstance(value, str):
        return f"`{value}`" if value else "empty"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value)}`"


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_the_readme_has_every_key_with_its_default(key):
    assert ROWS.get(key) == default_of(key)


@pytest.mark.parametrize("key", aliases(Flavor))
def test_the_readme_has_the_keys_of_a_flavor(key):
    assert key in ROWS


def test_the_readme_has_every_variable():
    table = README.partition("### Environment variables")[2].partition("###")[0]
    assert set(re.findall(r"`([A-Z_]+)`", table)) == {"SLURMCONFIGPATH", *_VARIABLES}


def test_the_readme_has_every_annotation():
    table = README.partition("## Annotations")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `([\w./-]+)` \|", table, re.MULTILINE))
    assert named == {_POD_IP, _WSTUNNEL, *(PREFIX + name for name in _KNOWN)}


def test_the_reference_config_has_every_key_and_the_defaults():
    given = yaml.safe_load(REFERENCE.read_text())
    assert set(FIELDS) - set(given) == {"DefaultUID"}  # commented out: it has no neutral value
    loaded = load_settings(REFERENCE, {}, {})
    assert loaded.warnings == []
    assert loaded.settings == Settings()


def test_links_inside_the_readme_lead_somewhere():
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
    assert set(re.findall(r"\]\(#([\w-]+)\)", README)) <= anchors
    for path in re.findall(r"\]\((?!#|http)([^)]+)\)", README):
        assert (ROOT / path).exists(), path
