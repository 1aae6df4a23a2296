"""Signing in and the own session: `/api/v1/auths` (reference document 003).

Names and flat fields are those that Open WebUI's clients read (0.6, 2026), with two
differences: a failure is 401, and a key that is stored as a hash cannot be shown again.
"""

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import fields, validate

from llmwrap.auth.authenticators import CredentialSources
from llmwrap.auth.credentials import read_credentials
from llmwrap.auth.guard import access
from llmwrap.auth.jwt_tokens import looks_like_jwt
from llmwrap.auth.keys import KeyOrder, shown, status_of
from llmwrap.auth.principal import Principal
from llmwrap.auth.sign_in import (
    NewPassword,
    SignedIn,
    change_password,
    sign_in,
    sign_out,
)
from llmwrap.errors import MissingParameter, NotFound
from llmwrap.storage.api_keys import StoredKey
from llmwrap.web.accounts import refuse_head, visit
from llmwrap.web.keys import end_key, make_key, own_keys
from llmwrap.web.own_fields import OwnFields, read_fields

DEFAULT_KEY = "default"
"""What the one key is called that these routes know of."""


class _SignIn(OwnFields):
    email = fields.String(validate=validate.Length(max=320))
    username = fields.String(validate=validate.Length(max=320))
    password = fields.String(required=True)


class _NewPassword(OwnFields):
    password = fields.String(load_default="")
    new_password = fields.String(required=True)


_SIGN_IN, _NEW_PASSWORD = _SignIn(), _NewPassword()


def auths_blueprint(sources: CredentialSources) -> Blueprint:
    """The routes below `/api/v1/auths`."""
    blueprint = Blueprint("auths", __name__, url_prefix="/api/v1/auths")
    _add_sessions(blueprint, sources)
    _add_default_key(blueprint, sources)
    return blueprint


def _add_sessions(blueprint: Blueprint, sources: CredentialSources) -> None:
    @blueprint.post("/signin")
    @access("public")
    def signin() -> ResponseReturnValue:
        body = read_fields(_SIGN_IN, g.body)
        who = body.get("email") or body.get("username")
        if not who:
            raise MissingParameter("email (or username) is missing", param="email")
        return jsonify(_signed_in(sign_in(sources, who, body["password"], visit())))

    @blueprint.get("")
    @access("list")
    def session() -> ResponseReturnValue:
        principal: Principal = g.principal
        return jsonify(
            _rendered(principal, _sent_session_token(), principal.expires_at or None)
        )

    @blueprint.route("/signout", methods=["GET", "POST"])
    @access("list")
    def signout() -> ResponseReturnValue:
        refuse_head()
        sign_out(sources, g.principal, visit())
        return jsonify(status=True)

    @blueprint.post("/update/password")
    @access("account")
    def update_password() -> ResponseReturnValue:
        body = read_fields(_NEW_PASSWORD, g.body)
        change = NewPassword(body["password"], body["new_password"])
        changed = change_password(sources, g.principal, change, visit())
        return jsonify(_signed_in(changed))


def _add_default_key(blueprint: Blueprint, sources: CredentialSources) -> None:
    @blueprint.post("/api_key")
    @access("account")
    def make() -> ResponseReturnValue:
        for key in _default_keys(sources):
            end_key(sources, g.principal, key.id)
        _, secret = make_key(sources, g.principal, KeyOrder(DEFAULT_KEY))
        return jsonify(api_key=secret)

    @blueprint.get("/api_key")
    @access("account")
    def show() -> ResponseReturnValue:
        for key in _default_keys(sources):
            return jsonify(api_key=shown(key))
        raise NotFound("there is no API key; POST makes one")

    @blueprint.delete("/api_key")
    @access("account")
    def end() -> ResponseReturnValue:
        for key in _default_keys(sources):
            end_key(sources, g.principal, key.id)
        return Response(b"true", content_type="application/json")


def _default_keys(sources: CredentialSources) -> list[StoredKey]:
    """The good ones; more than one only after two were made at the same moment."""
    now = datetime.now(UTC)
    return [
        key
        for key in own_keys(sources, g.principal)
        if key.name == DEFAULT_KEY and status_of(key, now) == "active"
    ]


def _sent_session_token() -> str:
    for credential in read_credentials(request.environ).split():
        if credential.scheme == "bearer" and looks_like_jwt(credential.value):
            return credential.value
    return ""


def _signed_in(signed_in: SignedIn) -> dict[str, Any]:
    principal = signed_in.user.principal("jwt")
    return _rendered(principal, signed_in.token, signed_in.expires_at)


def _rendered(
    principal: Principal, token: str, expires_at: int | None
) -> dict[str, Any]:
    profile = {
        "id": principal.id,
        "email": principal.email,
        "name": principal.full_name or principal.name,
        "role": "admin" if "admin" in principal.groups else "user",
    }
    return {
        "token": token,
        "token_type": "Bearer",
        "expires_at": expires_at,
        "user": profile,
        **profile,
        "profile_image_url": "",
        "permissions": {},
    }
