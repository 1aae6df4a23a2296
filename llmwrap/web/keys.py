"""API keys of users: `/auth/api-keys`, below the same prefixes as `accounts`.

Shapes and names follow Jan Server (2025-11). A key itself is shown once, when it is made.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from llmwrap.auth.audit import Note
from llmwrap.auth.authenticators import CredentialSources
from llmwrap.auth.credentials import refusal
from llmwrap.auth.guard import access
from llmwrap.auth.keys import KeyOrder, create_key, status_of
from llmwrap.auth.principal import Principal
from llmwrap.errors import AccountBlocked, InvalidRequest, NotFound
from llmwrap.settings.values import SERVICE_NAMES
from llmwrap.storage.api_keys import StoredKey, keys_of, revoke_key
from llmwrap.storage.users import UnknownUser
from llmwrap.web.accounts import iso, visit
from llmwrap.web.own_fields import OwnFields, read_fields

PAGE = 100
_MAX_PATTERNS = 100
_MAX_STARS = 8
"""Of a pattern: each costs a walk over the names that it is held against."""
_MAX_NAME = 128


def _is_line(text: str) -> None:
    if not text.isprintable() or not text.strip():
        raise ValidationError("a line of printable text is accepted")


def _is_pattern(text: str) -> None:
    if text.count("*") > _MAX_STARS:
        raise ValidationError(f"a pattern with at most {_MAX_STARS} * is accepted")


class _Scopes(OwnFields):
    services = fields.List(
        fields.String(validate=validate.OneOf(SERVICE_NAMES)),
        validate=validate.Length(1, len(SERVICE_NAMES)),
    )
    models = fields.List(
        fields.String(validate=[validate.Length(1, _MAX_NAME), _is_line, _is_pattern]),
        validate=validate.Length(1, _MAX_PATTERNS),
    )


class _NewKey(OwnFields):
    name = fields.String(
        required=True, validate=[validate.Length(1, _MAX_NAME), _is_line]
    )
    expires_in = fields.Integer(
        strict=True, load_default=None, validate=validate.Range(min=1)
    )
    scopes = fields.Nested(_Scopes, load_default=None)


class _Validation(OwnFields):
    api_key = fields.String(required=True, validate=validate.Length(min=1))


_NEW_KEY, _VALIDATION = _NewKey(), _Validation()


def keys_blueprint(sources: CredentialSources, prefix: str) -> Blueprint:
    """The routes of keys below `<prefix>/auth`."""
    name = f"keys{prefix.replace('/', '-')}"
    blueprint = Blueprint(name, __name__, url_prefix=f"{prefix}/auth")
    _add_own_keys(blueprint, sources)

    @blueprint.post("/validate-api-key")
    @access("public")
    def validate_api_key() -> ResponseReturnValue:
        asked = read_fields(_VALIDATION, g.body)
        principal = sources.api_keys.find(asked["api_key"])
        if principal is None:
            raise refusal("invalid API key")
        if principal.blocked:
            raise AccountBlocked("this account is blocked")
        return jsonify(_holder(principal))

    return blueprint


def _add_own_keys(blueprint: Blueprint, sources: CredentialSources) -> None:
    @blueprint.post("/api-keys")
    @access("account")
    def create() -> ResponseReturnValue:
        asked = read_fields(_NEW_KEY, g.body)
        scopes = asked["scopes"]
        order = KeyOrder(
            asked["name"],
            asked["expires_in"],
            {key: tuple(scopes[key]) for key in scopes} if scopes else None,
        )
        key, secret = make_key(sources, g.principal, order)
        return jsonify(_rendered(key) | {"key": secret}), 201

    @blueprint.get("/api-keys")
    @access("account")
    def listed() -> ResponseReturnValue:
        limit, after = _page()
        with sources.accounts.reach.reading() as session:
            keys = keys_of(session, g.principal.id, limit=limit, after=after)
        return jsonify(items=[_rendered(key) for key in keys])

    @blueprint.delete("/api-keys/<id>")
    @access("account")
    def revoke(id: str) -> ResponseReturnValue:
        if not end_key(sources, g.principal, id):
            raise NotFound(f"there is no active API key {id[:64]!r} of yours")
        return "", 204


def make_key(
    sources: CredentialSources, principal: Principal, order: KeyOrder
) -> tuple[StoredKey, str]:
    """Make a key for who asks; a predefined user gets the row that it needs."""
    accounts = sources.accounts
    user = accounts.by_id(principal.id)
    if user is None:
        raise refusal("this account was disabled")
    try:
        accounts.ensure_row(user)
        made = create_key(
            accounts.reach, sources.pepper, sources.settings.auth, user.id, order
        )
    except UnknownUser as error:
        raise refusal("this account was disabled") from error
    _tell(sources, principal, "key_created", made[0].id)
    return made


def end_key(sources: CredentialSources, principal: Principal, id: str) -> bool:
    """Revoke one's own key, and end the answers that it asked for; False if there is none."""
    with sources.accounts.reach.writing() as session:
        done = revoke_key(session, id, user_id=principal.id, now=datetime.now(UTC))
    if done:
        sources.accounts.changed()
        _tell(sources, principal, "key_revoked", id)
    return done


def own_keys(sources: CredentialSources, principal: Principal) -> Iterator[StoredKey]:
    """Every key of who asks, oldest first."""
    after = ""
    while True:
        with sources.accounts.reach.reading() as session:
            page = keys_of(session, principal.id, limit=PAGE, after=after)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id


def _tell(
    sources: CredentialSources, principal: Principal, action: str, id: str
) -> None:
    note = Note(action, visit(), principal.id, principal.kind, "api_key", id)
    sources.trail.note(note)


def _page() -> tuple[int, str]:
    limit = request.args.get("limit", str(PAGE))
    fits = re.fullmatch(r"[0-9]{1,3}", limit) is not None
    if not (fits and 1 <= int(limit) <= PAGE):
        raise InvalidRequest(
            f"limit is {limit[:20]!r}; accepted: 1 to {PAGE}", param="limit"
        )
    return int(limit), request.args.get("after", "")


def _rendered(key: StoredKey) -> dict[str, Any]:
    def told(moment: datetime | None) -> str | None:
        return iso(moment) if moment else None

    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "suffix": key.suffix,
        "scopes": key.scopes,
        "status": status_of(key, datetime.now(UTC)),
        "created_at": iso(key.created_at),
        "expires_at": told(key.expires_at),
        "revoked_at": told(key.revoked_at),
        "last_used_at": told(key.last_used_at),
    }


def _holder(principal: Principal) -> dict[str, Any]:
    first, _, last = principal.full_name.partition(" ")
    return {
        "user_id": principal.id,
        "subject": principal.subject or principal.id,
        "username": principal.name,
        "email": principal.email,
        "first_name": first,
        "last_name": last,
        "roles": sorted(principal.groups),
    }
