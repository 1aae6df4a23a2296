"""The shape of the configuration: one marshmallow schema per section.

A schema names the keys and what each accepts; the defaults stand in `values`, so a key
that is not given is left to the dataclass.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, post_load

from llmwrap.settings import accepted, addresses, values
from llmwrap.settings.accepted import Flag, FreeTable, Text, Texts, choice, whole
from llmwrap.settings.places import Where
from llmwrap.settings.pool_schema import PoolSchema
from llmwrap.settings.section import Section, table, tables
from llmwrap.settings.service_schema import (
    OlderServiceSchema,
    OllamaServiceSchema,
    ServiceSchema,
)


class ServerSchema(Section):
    """`[server]`."""

    makes = values.Server
    bind = addresses.bind()
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
    url = addresses.database_url()


class GuestSchema(Section):
    """`[auth.guest]`."""

    makes = values.Guest
    enabled = Flag()
    token_ttl_s = whole(1)
    group = Text("the name of a group", bool)


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
    refresh_ttl_s = whole(1)
    api_key_ttl_s = whole(1)
    api_keys_per_user = whole(1)
    group_models = FreeTable(Texts())
    guest = table(GuestSchema)
    oidc = table(OidcSchema)


class UserSchema(Section):
    """One of `[[users]]`."""

    makes = values.User
    username = accepted.username()
    password_hash = accepted.password_hash()
    email = accepted.email()
    groups = Texts()


class LimitsSchema(Section):
    """`[limits]`."""

    makes = values.Limits
    default = accepted.rates()
    storage_url = addresses.storage_url()
    concurrent_requests = whole(0)
    tokens_per_minute = whole(0)
    groups = FreeTable(accepted.rates())


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
    plain_s = accepted.seconds()
    idle_s = accepted.seconds()
    total_s = accepted.seconds()
    heartbeat_s = accepted.seconds()
    queue_s = accepted.seconds()

    @post_load
    def build(self, data: Mapping[str, Any], **kwargs: Any) -> Any:
        """Who bounds the wait for any first byte means that of a plain answer too."""
        if "first_byte_s" in data:
            data = {"plain_s": data["first_byte_s"], **data}
        return super().build(data, **kwargs)


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


def _services(**given: values.ServiceSettings) -> dict[str, values.ServiceSettings]:
    return values.default_services() | given


class ServicesSchema(Section):
    """`[services]`: the known names, no others."""

    makes = staticmethod(_services)
    api = table(ServiceSchema)
    chat = table(ServiceSchema)
    code = table(ServiceSchema)
    embed = table(ServiceSchema)
    v1 = table(OlderServiceSchema)
    ollama = table(OllamaServiceSchema)


class SettingsSchema(Section):
    """The whole file."""

    makes = values.Settings
    server = table(ServerSchema)
    database = table(DatabaseSchema)
    auth = table(AuthSchema)
    users = tables(UserSchema, name="[[users]]")
    limits = table(LimitsSchema)
    chat_log = table(ChatLogSchema)
    timeouts = table(TimeoutsSchema)
    media = table(MediaSchema)
    log = table(LogSchema)
    otel = table(OtelSchema)
    pools = tables(PoolSchema, name="[[pools]]")
    services = table(ServicesSchema)


ROOT = table(SettingsSchema)


def field_at(where: Where) -> fields.Field[Any] | None:
    """The field that reads the value at a path; None for a path that does not exist."""
    node: Any = ROOT
    for step in where:
        if isinstance(node, fields.Nested):
            node = node.schema.fields.get(str(step))
        elif isinstance(node, fields.List):
            node = node.inner if isinstance(step, int) else None
        else:
            node = node.item if isinstance(node, FreeTable) else None
    return node if isinstance(node, fields.Field) else None


def keys_at(where: Where) -> Mapping[str, fields.Field[Any]]:
    """The keys of the table at a path and their fields; empty when it is no table."""
    node = field_at(where)
    return node.schema.fields if isinstance(node, fields.Nested) else {}
