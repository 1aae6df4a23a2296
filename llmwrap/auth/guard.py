"""The one guard: every request is identified and judged here, or it is not served.

A route says what it needs with `access`; a route that says nothing needs a principal that may
generate, so forgetting it closes a door and opens none. The order is 401, then 403.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from flask import Flask, g, request

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import read_credentials
from llmwrap.auth.principal import Principal
from llmwrap.errors import AccountBlocked, Forbidden
from llmwrap.exchange import Exchange
from llmwrap.settings.values import Settings

Access = Literal["public", "list", "generate"]

View = TypeVar("View", bound=Callable[..., Any])

_ACCESS = "llmwrap_access"


def access(level: Access) -> Callable[[View], View]:
    """Mark a view: `public` (nobody is asked), `list` (anybody known), `generate`."""

    def mark(view: View) -> View:
        target = getattr(view, "__func__", view)
        setattr(target, _ACCESS, level)
        return view

    return mark


def register_guard(app: Flask, identifier: Identifier, settings: Settings) -> None:
    """Install the guard; call it after the intake and before anything that asks who it is."""

    @app.before_request
    def guard() -> None:
        if request.routing_exception is not None or request.method == "OPTIONS":
            return
        view = app.view_functions[request.endpoint or ""]
        level: Access = getattr(view, _ACCESS, "generate")
        if level == "public":
            return
        principal = identifier.identify(read_credentials(request.environ))
        _note(principal)
        _refuse_strangers_behind_a_proxy(principal, settings)
        _judge(principal, level)


def _note(principal: Principal) -> None:
    g.principal = principal
    exchange: Exchange = g.exchange
    exchange.user_id = principal.id
    exchange.user = principal.name
    exchange.auth_kind = principal.kind


def _refuse_strangers_behind_a_proxy(principal: Principal, settings: Settings) -> None:
    """`auto` is open for this machine only: whoever comes through a proxy is not this machine."""
    open_by_default = principal.kind == "anonymous" and settings.auth.mode == "auto"
    if open_by_default and "X-Forwarded-For" in request.headers:
        raise Forbidden(
            "this gateway is open to its own machine only, and this request came through a"
            ' proxy; configure users or a key, or set auth.mode = "off"'
        )


def _judge(principal: Principal, level: Access) -> None:
    if principal.blocked:
        raise AccountBlocked("this account is blocked")
    if level == "generate" and not principal.may_generate:
        raise Forbidden("this account may list models, but not use them")
