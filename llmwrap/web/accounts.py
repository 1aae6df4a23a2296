"""Guests, refresh tokens and the own account: `/auth`, `/llm/auth` and `/api/llm/auth`.

Shapes and names follow Jan Server (2025-11). API keys are in `keys`, signing in in `auths`.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError, fields, validate

from llmwrap.auth import guests
from llmwrap.auth.audit import Visit
from llmwrap.auth.authenticators import CredentialSources
from llmwrap.auth.guard import access
from llmwrap.auth.identity import method_of
from llmwrap.auth.principal import Principal
from llmwrap.auth.sign_in import sign_out
from llmwrap.errors import MethodNotAllowed, MissingParameter
from llmwrap.exchange import Exchange
from llmwrap.storage.names import ID_PREFIX, looks_like_id
from llmwrap.web.own_fields import OwnFields, read_fields, read_optional_fields

PREFIXES = ("", "/llm", "/api/llm")

_MAX_NAME = 128
_MAX_ADDRESS = 320
_COOKIE = "refresh_token"


class _Nothing(OwnFields):
    """A body without a field."""


class _Refresh(OwnFields):
    refresh_token = fields.String()


class _Revoke(OwnFields):
    refresh_token = fields.String(required=True, validate=validate.Length(min=1))


def _is_name(text: str) -> None:
    """HTTP Basic ends a name at the first colon (RFC 7617); logs show it as it is."""
    if not text.isprintable() or ":" in text or text != text.strip():
        raise ValidationError("a printable name without a colon is accepted")


def _is_username(text: str) -> None:
    """Whoever looks for an account by its id or its address must not find another one."""
    _is_name(text)
    if looks_like_id(text) or "@" in text:
        raise ValidationError(
            f"a name without @ that does not begin with {ID_PREFIX} is accepted"
        )


class _Upgrade(OwnFields):
    username = fields.String(
        required=True, validate=[validate.Length(1, _MAX_NAME), _is_username]
    )
    email = fields.Email(required=True, validate=validate.Length(max=_MAX_ADDRESS))
    full_name = fields.String(
        load_default="", validate=[validate.Length(max=_MAX_NAME), _is_name]
    )


_NOTHING, _REFRESH, _REVOKE, _UPGRADE = _Nothing(), _Refresh(), _Revoke(), _Upgrade()


def accounts_blueprint(sources: CredentialSources, prefix: str) -> Blueprint:
    """The routes below `<prefix>/auth`."""
    name = f"accounts{prefix.replace('/', '-')}"
    blueprint = Blueprint(name, __name__, url_prefix=f"{prefix}/auth")
    _add_tokens(blueprint, sources)
    _add_own_account(blueprint, sources)
    return blueprint


def visit() -> Visit:
    """The current request, as the audit log has it."""
    exchange: Exchange = g.exchange
    agent = request.headers.get("User-Agent", "")[:256]
    return Visit(exchange.client_ip, agent, exchange.request_id)


def iso(moment: datetime) -> str:
    """A time as RFC 3339 in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def refuse_head() -> None:
    """Flask asks a GET's view for HEAD too; here it would do what its sender never hears of."""
    if request.method == "HEAD":
        raise MethodNotAllowed(
            "HEAD is not allowed here; allowed: GET, POST",
            headers=(("Allow", "GET, POST"),),
        )


def _add_tokens(blueprint: Blueprint, sources: CredentialSources) -> None:
    @blueprint.post("/guest-login")
    @access("public")
    def guest_login() -> ResponseReturnValue:
        read_optional_fields(_NOTHING, g.body)
        pair = guests.guest_login(sources, visit())
        names = {
            "user_id": pair.user.id,
            "username": pair.user.username,
            "principal_id": pair.user.id,
        }
        return jsonify(names | _rendered(pair))

    @blueprint.route("/refresh-token", methods=["GET", "POST"])
    @blueprint.route("/refresh", methods=["GET", "POST"])
    @access("public")
    def refresh() -> ResponseReturnValue:
        refuse_head()
        pair = guests.refresh(sources, _sent_refresh_token(), visit())
        ends = datetime.fromtimestamp(pair.expires_at, UTC)
        return jsonify(_rendered(pair) | {"expires_at": iso(ends)})

    @blueprint.post("/revoke")
    @access("public")
    def revoke() -> ResponseReturnValue:
        asked = read_fields(_REVOKE, g.body)
        guests.revoke(sources, asked["refresh_token"], visit())
        return jsonify(status="revoked")


def _add_own_account(blueprint: Blueprint, sources: CredentialSources) -> None:
    @blueprint.post("/upgrade")
    @access("account")
    def upgrade() -> ResponseReturnValue:
        names = guests.Names(**read_fields(_UPGRADE, g.body))
        guests.upgrade(sources, g.principal, names, visit())
        return jsonify(status="upgraded")

    @blueprint.route("/logout", methods=["GET", "POST"])
    @access("list")
    def logout() -> ResponseReturnValue:
        refuse_head()
        sign_out(sources, g.principal, visit())
        return jsonify(status="logged out")

    @blueprint.get("/me")
    @access("list")
    def me() -> ResponseReturnValue:
        principal: Principal = g.principal
        return jsonify(
            id=principal.id,
            username=principal.name,
            email=principal.email,
            subject=principal.subject or principal.id,
            auth_method=method_of(principal),
            name=principal.full_name or principal.name,
        )


def _sent_refresh_token() -> str:
    """The refresh token: in the body, else in the cookie, else as the Bearer token."""
    asked = read_optional_fields(_REFRESH, g.body)
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    bearer = value.strip() if scheme.lower() == "bearer" else ""
    token = asked.get("refresh_token") or request.cookies.get(_COOKIE) or bearer
    if not token:
        raise MissingParameter("refresh_token is missing", param="refresh_token")
    return str(token)


def _rendered(pair: guests.Pair) -> dict[str, Any]:
    return {
        "access_token": pair.access_token,
        "refresh_token": pair.refresh_token,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
    }
