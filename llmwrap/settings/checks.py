"""What no single value shows: settings that do not go together.

The checks read the draft, so that they report beside the schema's problems; a value of
the wrong type is left to the schema.
"""

from collections.abc import Callable, Iterator
from typing import Any

from llmwrap.settings.addresses import bind
from llmwrap.settings.draft import Draft
from llmwrap.settings.places import MISSING, Where, dotted, lookup
from llmwrap.settings.values import Limits, Server


def cross_problems(draft: Draft) -> list[str]:
    """One line for each contradiction in the draft."""
    return [problem for check in _CHECKS for problem in check(draft)]


def _unique_names(draft: Draft) -> Iterator[str]:
    pools = [(*place, "name") for place in _items(draft, ("pools",))]
    upstreams = [
        (*place, "name")
        for pool in _items(draft, ("pools",))
        for place in _items(draft, (*pool, "upstreams"))
    ]
    users = _items(draft, ("users",))
    yield from _repeated(draft, pools)
    yield from _repeated(draft, upstreams)
    yield from _repeated(draft, [(*user, "username") for user in users], str.casefold)
    yield from _repeated(draft, [(*user, "email") for user in users], str.casefold)


def _items(draft: Draft, where: Where) -> list[Where]:
    items = lookup(draft.tree, where)
    if not isinstance(items, list):
        return []
    return [(*where, position) for position in range(len(items))]


def _repeated(
    draft: Draft, places: list[Where], fold: Callable[[str], str] = str
) -> Iterator[str]:
    first: dict[str, Where] = {}
    for place in places:
        name = lookup(draft.tree, place)
        if isinstance(name, str) and name:
            holder = first.setdefault(fold(name), place)
            if holder != place:
                yield f'{dotted(place)}: "{name}" is also {dotted(holder)}; names are unique'


def _shared_store(draft: Draft) -> Iterator[str]:
    workers = _given(draft, ("server", "workers"), Server().workers)
    storage_url = _given(draft, ("limits", "storage_url"), Limits().storage_url)
    # memory:// counts per process, so every worker would grant the whole rate again.
    if type(workers) is int and workers > 1 and storage_url == "memory://":
        yield (
            f"server.workers: {workers} workers need one store for request limits; set "
            'limits.storage_url = "redis://HOST:6379/0", or server.workers = 1'
        )


def _guarded_bind(draft: Draft) -> Iterator[str]:
    address = _given(draft, ("server", "bind"), Server().bind)
    mode = _given(draft, ("auth", "mode"), "auto")
    if mode != "auto" or not bind().accepts(address) or Server(bind=address).loopback:
        return
    sources = (
        ("users",),
        ("auth", "api_key"),
        ("auth", "oidc", "jwks_url"),
        ("auth", "guest", "enabled"),
    )
    if not any(_given(draft, source, None) for source in sources):
        yield open_to_others(f'server.bind = "{address}"')


def open_to_others(place: str) -> str:
    """The line for a gateway that asks for nothing where other machines can reach it."""
    return (
        f'auth.mode: "auto" finds no credential in the configuration, and {place} is open '
        'to other machines; set auth.mode = "required" (users and keys may be in the '
        "database), add one of [[users]] with the hash that `llmwrap user hash-password` "
        'prints, set auth.api_key, or write auth.mode = "off" for a gateway without guard'
    )


def _given(draft: Draft, where: Where, default: Any) -> Any:
    value = lookup(draft.tree, where)
    return default if value is MISSING else value


_CHECKS = (_unique_names, _shared_store, _guarded_bind)
