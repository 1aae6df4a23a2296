"""The shape of the configuration: one marshmallow schema per section.

A schema names the keys and what each accepts; the defaults stand in `values`, so a key
that is not given is left to the dataclass.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from marshmallow import RAISE, Schema, fields, post_load
from marshmallow.validate import Length

from llmwrap.settings import accepted, values
from llmwrap.settings.accepted import Flag, Text, Texts, TextTable, choice, whole
from llmwrap.settings.places import Where

UNKNOWN = "unknown"
"""The message for a key that is not in the schema."""


class Section(Schema):
    """A table that becomes what `makes` returns for its keys."""

    makes: ClassVar[Callable[..., Any]]
    error_messages = {"unknown": UNKNOWN, "type": "a table"}  # noqa: RUF012 (as in Schema)

    class Meta:
        """An unknown key is a mistake, not something to drop."""

        unknown = RAISE

    @post_load
    def build(self, data: Mapping[str, Any], **_kwargs: Any) -> Any:
        """The frozen value, its lists made tuples."""
        return self.makes(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in data.items()
            }
        )


def _table(schema: type[Section]) -> fields.Nested:
    return fields.Nested(schema, error_messages={"null": "a table"})


def _tables(schema: type[Section], *, least: int = 0) -> fields.List[Any]:
    words = "a list of at least one table" if least else "a list of tables"
    return fields.List(
        _table(schema),
        required=least > 0,
        validate=Length(min=least, error=words),
        error_messages=dict.fromkeys(("required", "null", "invalid"), words),
    )


class ServerSchema(Section):
    """`[server]`."""

    makes = values.Server
    bind = accepted.bind()
    workers = whole(1)
    threads = whole(1)
    max_connections = whole(1)
    data_dir = Text("a folder", bool)
    trusted_proxies = whole(0)
    max_body_bytes = whole(1)
    max_buffered_bytes = whole(1)
    root_message = Text()


class DatabaseSchema(Section):
    """`[database]`."""

    makes = values.Database
    url = accepted.database_url()


class GuestSchema(Section):
    """`[auth.guest]`."""

    makes = values.Guest
    enabled = Flag()
    token_ttl_s = whole(1)


class OidcSchema(Section):
    """`[auth.oidc]`."""

    makes = values.Oidc
    jwks_url = accepted.web_address()
    issuer = Text()
    audience = Text()
    keycloak_base_url = accepted.base_url()


class AuthSchema(Section):
    """`[auth]`."""

    makes = values.Auth
    mode = choice(values.Auth, "mode")
    api_key = accepted.key()
    token_ttl_s = whole(1)
    guest = _table(GuestSchema)
    oidc = _table(OidcSchema)


class UserSchema(Section):
    """One of `[[users]]`."""

    makes = values.User
    username = accepted.username()
    password_hash = accepted.password_hash()
    email = Text()
    groups = Texts()


class LimitsSchema(Section):
    """`[limits]`."""

    makes = values.Limits
    default = accepted.rates()
    storage_url = accepted.storage_url()
    concurrent_requests = whole(0)
    tokens_per_minute = whole(0)
    groups = TextTable(accepted.rates())


class ChatLogSchema(Section):
    """`[chat_log]`."""

    makes = values.ChatLog
    level = choice(values.ChatLog, "level")
    dir = Text()


class TimeoutsSchema(Section):
    """`[timeouts]`."""

    makes = values.Timeouts
    connect_s = accepted.seconds()
    first_byte_s = accepted.seconds()
    idle_s = accepted.seconds()
    total_s = accepted.seconds()
    heartbeat_s = accepted.seconds()
    queue_s = accepted.seconds()


class MediaSchema(Section):
    """`[media]`."""

    makes = values.Media
    resolve_url = accepted.web_address()
    timeout_s = accepted.seconds(
        "seconds above 0 (MEDIA_RESOLVE_TIMEOUT also takes 5s, 500ms or 1m)"
    )
    remote = choice(values.Media, "remote")


class LogSchema(Section):
    """`[log]`."""

    makes = values.Log
    level = Text(
        '"debug", "info", "warn" or "error"',
        ("debug", "info", "warn", "warning", "error").__contains__,
        convert=lambda word: "warn" if word == "warning" else word,
    )
    format = choice(values.Log, "format")


class OtelSchema(Section):
    """`[otel]`."""

    makes = values.Otel
    enabled = Flag()
    service_name = Text("a name", bool)
    endpoint = accepted.web_address()


class UpstreamSchema(Section):
    """One of `[[pools.upstreams]]`."""

    makes = values.UpstreamSettings
    name = accepted.name()
    url = accepted.base_url(required=True)
    dialect = choice(values.UpstreamSettings, "dialect")
    api_key = accepted.key()
    max_in_flight = whole(0)
    models = Texts()


class PoolSchema(Section):
    """One of `[[pools]]`."""

    makes = values.PoolSettings
    name = accepted.name()
    kind = choice(values.PoolSettings, "kind", required=True)
    models = Texts(least=1)
    upstreams = _tables(UpstreamSchema, least=1)
    policy = choice(values.PoolSettings, "policy")
    owned_by = Text()
    default_model = Text()
    aliases = TextTable(Text("the name of a model", bool))
    inject_defaults = Flag()
    rescue = choice(values.PoolSettings, "rescue")


class ServiceSchema(Section):
    """One of `[services.NAME]`."""

    makes: ClassVar[Callable[..., Any]] = values.ServiceSettings
    default_model = Text()
    upstream_error_status = accepted.Value(
        "0 or a status from 500 to 599",
        lambda value: type(value) is int and (value == 0 or 500 <= value <= 599),
    )
    unknown_model_code = Text("an error code such as model_not_found", str.isidentifier)
    empty_answer = choice(values.ServiceSettings, "empty_answer")
    user_input = choice(values.ServiceSettings, "user_input")
    default_temperature = accepted.number_or_none(2)
    default_top_p = accepted.number_or_none(1)
    responses = choice(values.ServiceSettings, "responses")


class OlderServiceSchema(ServiceSchema):
    """`[services.v1]`: what is not given is as in the older reference documents."""

    makes = partial(replace, values.OLDER_DOCUMENTS)


def _services(**given: values.ServiceSettings) -> dict[str, values.ServiceSettings]:
    return values.default_services() | given


class ServicesSchema(Section):
    """`[services]`: the known names, no others."""

    makes = staticmethod(_services)
    api = _table(ServiceSchema)
    chat = _table(ServiceSchema)
    code = _table(ServiceSchema)
    embed = _table(ServiceSchema)
    v1 = _table(OlderServiceSchema)
    ollama = _table(ServiceSchema)


class SettingsSchema(Section):
    """The whole file."""

    makes = values.Settings
    server = _table(ServerSchema)
    database = _table(DatabaseSchema)
    auth = _table(AuthSchema)
    users = _tables(UserSchema)
    limits = _table(LimitsSchema)
    chat_log = _table(ChatLogSchema)
    timeouts = _table(TimeoutsSchema)
    media = _table(MediaSchema)
    log = _table(LogSchema)
    otel = _table(OtelSchema)
    pools = _tables(PoolSchema)
    services = _table(ServicesSchema)


ROOT = _table(SettingsSchema)


def field_at(where: Where) -> fields.Field[Any] | None:
    """The field that reads the value at a path; None for a path that does not exist."""
    node: Any = ROOT
    for step in where:
        if isinstance(node, fields.Nested):
            node = node.schema.fields.get(str(step))
        elif isinstance(node, fields.List):
            node = node.inner if isinstance(step, int) else None
        else:
            node = node.item if isinstance(node, TextTable) else None
    return node if isinstance(node, fields.Field) else None


def keys_at(where: Where) -> Mapping[str, fields.Field[Any]]:
    """The keys of the table at a path and their fields; empty when it is no table."""
    node = field_at(where)
    return node.schema.fields if isinstance(node, fields.Nested) else {}
