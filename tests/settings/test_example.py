"""`config.example.toml` shows every setting with the default that the code has."""

import re
import tomllib
from dataclasses import MISSING, fields

import pytest

from llmwrap.settings import CHECKOUT, load_with_origins
from llmwrap.settings.places import dotted, leaves, lookup
from llmwrap.settings.pool_schema import PoolSchema, UpstreamSchema
from llmwrap.settings.schema import (
    ServicesSchema,
    SettingsSchema,
    UserSchema,
    keys_at,
)
from llmwrap.settings.values import (
    SERVICE_NAMES,
    PoolSettings,
    Settings,
    UpstreamSettings,
    User,
)

EXAMPLE = CHECKOUT / "config.example.toml"

SECTIONS = sorted({where[:-1] for where, _ in leaves(Settings()) if len(where) > 1})
"""Every table that is there once: server, auth, auth.guest, services.v1, ..."""


@pytest.fixture(scope="module")
def text():
    """The file with every setting in force: `#key` is one, `# Prose` is not."""
    return re.sub(r"^#(?=[a-z\[])", "", EXAMPLE.read_text(), flags=re.MULTILINE)


@pytest.fixture
def written(text):
    return tomllib.loads(text)


def test_the_file_as_it_stands_changes_nothing(tmp_path):
    loaded = load_with_origins(EXAMPLE, {}, tmp_path)

    assert loaded.settings == Settings()
    assert loaded.notices == ()


def test_the_file_with_every_line_in_force_is_accepted(load, text):
    settings = load(text).settings

    assert [pool.name for pool in settings.pools] == ["mistral"]
    assert [user.username for user in settings.users] == ["alice"]


def test_every_setting_is_in_the_file(load, text):
    origins = load(text).origins
    # The other services have the keys and defaults of api; the file says so.
    not_written = [
        path
        for path, origin in origins.items()
        if origin == "default" and not re.match(r"services\.(chat|code|embed|ol)", path)
    ]

    assert not_written == []


def test_every_default_in_the_file_is_that_of_the_code(written):
    in_file = {
        dotted(where): value
        for where, value in leaves(written)
        if where[0] not in ("users", "pools")
    }
    in_code = {dotted(where): _as_written(value) for where, value in leaves(Settings())}
    # Examples; there is none by default.
    in_code["limits.groups.guest"] = "20/minute"
    in_code["auth.group_models.guest"] = ["Mistral-*"]

    assert in_file == {path: in_code[path] for path in in_file}


def _as_written(value):
    if value is None:
        return "none"
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("where", "owner"),
    [
        (("users", 0), User),
        (("pools", 0), PoolSettings),
        (("pools", 0, "upstreams", 0), UpstreamSettings),
    ],
)
def test_a_repeated_table_shows_every_key_with_its_default(written, where, owner):
    shown = lookup(written, where)
    defaults = {
        field.name: list(field.default)
        if isinstance(field.default, tuple)
        else field.default
        for field in fields(owner)
        if field.default is not MISSING and field.name != "email"
    }

    assert set(shown) == {field.name for field in fields(owner)}
    assert {key: shown[key] for key in defaults} == defaults


@pytest.mark.parametrize("where", SECTIONS, ids=dotted)
def test_the_schema_of_a_section_has_the_fields_of_its_values(where):
    names = {path[-1] for path, _ in leaves(Settings()) if path[:-1] == where}
    below = {path[-1] for path in SECTIONS if path[:-1] == where}

    assert set(keys_at(where)) == names | below


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        (SettingsSchema, {field.name for field in fields(Settings)}),
        (UserSchema, {field.name for field in fields(User)}),
        (PoolSchema, {field.name for field in fields(PoolSettings)}),
        (UpstreamSchema, {field.name for field in fields(UpstreamSettings)}),
        (ServicesSchema, set(SERVICE_NAMES)),
    ],
)
def test_the_schema_of_the_rest_has_the_fields_of_its_values(schema, names):
    assert set(schema().fields) == names
