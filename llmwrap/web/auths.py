"""Signing in: a name and a password become a session token (reference document 003).

The answer also has the flat fields that Open WebUI's clients read (0.6, 2026).
"""

from typing import Any

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue
from marshmallow import RAISE, Schema, fields, validate

from llmwrap.auth.authenticators import CredentialSources
from llmwrap.auth.guard import access
from llmwrap.auth.sign_in import SignedIn, sign_in
from llmwrap.dialects.strict_json import read_object
from llmwrap.errors import InvalidRequest, MissingParameter


class _SignIn(Schema):
    class Meta:
        unknown = RAISE

    email = fields.String(validate=validate.Length(max=320))
    username = fields.String(validate=validate.Length(max=320))
    password = fields.String(required=True)


_SIGN_IN = _SignIn()


def auths_blueprint(sources: CredentialSources) -> Blueprint:
    """The routes below `/api/v1/auths`."""
    blueprint = Blueprint("auths", __name__, url_prefix="/api/v1/auths")

    @blueprint.post("/signin")
    @access("public")
    def signin() -> ResponseReturnValue:
        body = read_object(g.body)
        for name, texts in _SIGN_IN.validate(body).items():
            kind = InvalidRequest if name in body else MissingParameter
            raise kind(f"{name}: {texts[0]}", param=str(name))
        who = body.get("email") or body.get("username")
        if not who:
            raise MissingParameter("email (or username) is missing", param="email")
        return jsonify(_rendered(sign_in(sources, who, body["password"])))

    return blueprint


def _rendered(signed_in: SignedIn) -> dict[str, Any]:
    user = signed_in.user
    role = "admin" if "admin" in user.groups else "user"
    profile = {
        "id": user.id,
        "email": user.email,
        "name": user.username,
        "role": role,
    }
    return {
        "token": signed_in.token,
        "token_type": "Bearer",
        "expires_at": signed_in.expires_at,
        "user": profile,
        **profile,
        "profile_image_url": "",
        "permissions": {},
    }
