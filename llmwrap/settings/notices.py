"""What the operator should know although the configuration is good.

NOT_BUILT and BUILT_DIALECTS shrink and grow as features arrive, nothing else does.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from llmwrap.settings.draft import Draft
from llmwrap.settings.places import dotted, leaves
from llmwrap.settings.values import PoolSettings, Settings

NOT_BUILT: Mapping[str, str] = {
    "chat_log": "the chat log is",
    "media.resolve_url": "media ids are",
    "media.timeout_s": "media ids are",
    "otel": "traces are",
    "services.*.responses": "the responses endpoint is",
}
"""Settings without effect yet (a section, a key, or a pattern), and what is missing."""

BUILT_DIALECTS = frozenset({"ollama", "openai"})
"""What upstreams may speak today."""

SHORT_KEY = 16
"""Characters; below it a shared key can be guessed."""


def usable_pools(settings: Settings) -> tuple[PoolSettings, ...]:
    """The pools whose upstreams all speak a built dialect; others are left out whole."""
    return tuple(pool for pool in settings.pools if not _missing_dialects(pool))


def notices(settings: Settings, draft: Draft) -> tuple[str, ...]:
    """One line each, without secrets."""
    return (
        *_short_key(settings),
        *_closed_provider(settings),
        *_without_effect(draft),
        *_left_out(settings),
    )


def _short_key(settings: Settings) -> Iterator[str]:
    if 0 < len(settings.auth.api_key) < SHORT_KEY:
        yield f"auth.api_key is shorter than {SHORT_KEY} characters: it can be guessed"


def _closed_provider(settings: Settings) -> Iterator[str]:
    oidc = settings.auth.oidc
    if oidc.jwks_url and not (oidc.issuer and oidc.audience):
        yield (
            "auth.oidc.jwks_url is set without issuer and audience: no token of the "
            "identity provider is accepted"
        )


def _without_effect(draft: Draft) -> Iterator[str]:
    given = [
        (dotted(where), draft.origin_of(where))
        for where, value in leaves(draft.tree)
        if value != {}  # a section's header alone sets nothing
    ]
    for pattern, feature in NOT_BUILT.items():
        for path, origin in given:
            if fnmatchcase(path, pattern) or fnmatchcase(path, f"{pattern}.*"):
                yield (
                    f"{path} is set in {origin}, but {feature} not built yet: "
                    "it has no effect"
                )


def _left_out(settings: Settings) -> Iterator[str]:
    for pool in settings.pools:
        missing = ", ".join(_missing_dialects(pool))
        if missing:
            yield (
                f"pool {pool.name} is left out: dialect {missing} is not built yet; "
                "the rest serves"
            )


def _missing_dialects(pool: PoolSettings) -> list[str]:
    return sorted({upstream.dialect for upstream in pool.upstreams} - BUILT_DIALECTS)
