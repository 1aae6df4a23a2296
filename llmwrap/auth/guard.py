"""The one guard: every request is identified and judged here, or it is not served.

A route says what it needs with `access`; a route that says nothing needs a principal that may
generate, so forgetting it closes a door and opens none. The order is 401, then 403.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, Request, Response, g, request
from flask.ctx import _AppCtxGlobals as Facts

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import read_credentials
from llmwrap.auth.identity import identity_headers
from llmwrap.auth.principal import Principal
from llmwrap.errors import AccountBlocked, Forbidden
from llmwrap.exchange import Exchange
from llmwrap.settings.values import Settings

Access = Literal["public", "list", "account", "generate"]

View = TypeVar("View", bound=Callable[..., Any])

_ACCESS = "llmwrap_access"


def current() -> tuple[Request, Facts]:
    """The request and `g` themselves, for who reads several things of them.

    Flask's proxies find them anew at each access, and that is much of what a small hook costs.
    """
    return request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]


def access(level: Access) -> Callable[[View], View]:
    """Mark a view with who may call it.

    `public` (nobody is asked), `list` (anybody known), `generate`, and `account`: a user who
    has come by a password or a session, because a key must not make itself another key.
    """

    def mark(view: View) -> View:
        target = getattr(view, "__func__", view)
        setattr(target, _ACCESS, level)
        return view

    return mark


def register_guard(app: Flask, identifier: Identifier, settings: Settings) -> None:
    """Install the guard; call it after the intake and before anything that asks who it is."""

    @app.before_request
    def guard() -> None:
        asked, facts = current()
        if asked.routing_exception is not None or asked.method == "OPTIONS":
            return
        view = app.view_functions[asked.endpoint or ""]
        level: Access = getattr(view, _ACCESS, "generate")
        facts.access = level
        if level == "public":
            return
        principal = identifier.identify(read_credentials(asked.environ))
        facts.principal = principal
        _note(principal, facts.exchange)
        _refuse_strangers_behind_a_proxy(principal, settings)
        _judge(principal, level)

    @app.after_request
    def tell_identity(response: Response) -> Response:
        principal: Principal | None = g.get("principal")
        if principal:
            response.headers.extend(identity_headers(principal))
        return response


def _note(principal: Principal, exchange: Exchange) -> None:
    exchange.user_id = principal.id
    exchange.user = principal.name
    exchange.auth_kind = principal.kind
    exchange.key_id = principal.key_id
    exchange.token_id = principal.token_id
    exchange.token_version = principal.token_version


def _refuse_strangers_behind_a_proxy(principal: Principal, settings: Settings) -> None:
    """`auto` is open for this machine only: whoever comes through a proxy is not this machine."""
    open_by_default = principal.kind == "anonymous" and settings.auth.mode == "auto"
    if open_by_default and "X-Forwarded-For" in request.headers:
        raise Forbidden(
            "this gateway is open to its own machine only, and this request came through a"
            ' proxy; set auth.mode = "required" and add users or a key, or set'
            ' auth.mode = "off" to serve everybody'
        )


def _judge(principal: Principal, level: Access) -> None:
    if principal.blocked:
        raise AccountBlocked("this account is blocked")
    if level == "generate" and not principal.may_generate:
        raise Forbidden("this account may list models, but not use them")
    if level == "account" and principal.kind not in ("basic", "jwt", "guest"):
        raise Forbidden("this needs a session token or a password of a user's own")
