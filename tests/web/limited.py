"""A gateway with small limits, and users who have not used theirs yet."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from werkzeug.security import generate_password_hash

from tests.fakes import FakeUpstream
from tests.gateway import Gateway, serving
from tests.web.guarded import KEY, PASSWORD, basic
from tests.web.surface import CHAT, chat_body, reset

TOKENS = 10_000
AT_ONCE = 3

GROUPS = {"three": "3/minute", "guest": "2/minute"}
"""The rates that are not the default; members of `three` may also generate."""

USERS = 40


@dataclass(frozen=True, slots=True)
class Limited:
    """The gateway, its only upstream, and names that nobody has used."""

    gateway: Gateway
    upstream: FakeUpstream
    names: Iterator[str]

    def newcomer(self) -> dict[str, str]:
        """The credential of a user of the default rate who has sent nothing."""
        return basic(f"user-{next(self.names)}")

    def third(self) -> dict[str, str]:
        """The same for a user who may send three requests a minute."""
        return basic(f"three-{next(self.names)}")

    def chat(self, headers: dict[str, str], **fields: Any) -> Any:
        """A chat request."""
        return self.gateway.post(
            "/api/v1/chat/completions", chat_body(**fields), headers=headers
        )


def limited_settings(url: str, **limits: Any) -> dict[str, Any]:
    """Settings with an upstream at `url`, USERS users of each sort, and these limits.

    A proxy stands in front, so that each test can come from an address of its own.
    """
    stored = generate_password_hash(PASSWORD, "pbkdf2:sha256:1")
    sorts = {"user": ["user"], "three": ["user", "three"], "reader": ["reader"]}
    users = [
        {"username": f"{sort}-{n}", "password_hash": stored, "groups": groups}
        for sort, groups in sorts.items()
        for n in range(USERS)
    ]
    pool = {
        "name": "mistral",
        "kind": "chat",
        "models": [CHAT],
        "upstreams": [{"name": "chat-1", "url": f"{url}/v1"}],
    }
    return {
        "server": {"trusted_proxies": 1},
        "auth": {"api_key": KEY, "guest": {"enabled": True}},
        "users": users,
        "limits": {"default": "100/minute", "groups": GROUPS} | limits,
        "pools": [pool],
    }


@contextmanager
def limited(server: str, **limits: Any) -> Iterator[Limited]:
    """Such a gateway."""
    with FakeUpstream(models=(CHAT,)) as fake:
        reset(fake)
        with serving(limited_settings(fake.url, **limits), server=server) as gateway:
            yield Limited(gateway, fake, map(str, itertools.count()))
