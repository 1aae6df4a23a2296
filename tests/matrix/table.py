"""The authorisation matrix as one table: who may do what, and which routes are what.

A cell is `in` (the route answers as it does to everybody who may call it) or the status of the
refusal. A route that stands in no class fails `test_matrix`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.web.surface import CHAT, CODE, EMBED, Body

TABLE = """
             open known own  show-chat show-code show-embed show-any  chat code any  embed embed-any
nobody       in   401   401  401       401       401        401       401  401  401  401   401
user         in   in    in   in        in        in         in        in   in   in   in    in
admin        in   in    in   in        in        in         in        in   in   in   in    in
local        in   in    in   in        in        in         in        in   in   in   in    in
guest        in   in    in   in        in        in         in        in   in   in   in    in
oidc         in   in    in   in        in        in         in        in   in   in   in    in
blocked      in   403   403  403       403       403        403       403  403  403  403   403
reader       in   in    in   in        in        in         in        403  403  403  403   403
key          in   in    403  in        in        in         in        in   in   in   in    in
key-of-chat  in   in    403  in        404       404        404       in   404  404  404   404
key-of-model in   in    403  in        404       404        in        in   404  in   404   404
key-and-user in   in    403  in        in        in         in        in   in   in   in    in
shared       in   in    403  in        in        in         in        in   in   in   in    in
disabled     in   401   401  401       401       401        401       401  401  401  401   401
deleted      in   401   401  401       401       401        401       401  401  401  401   401
expired      in   401   401  401       401       401        401       401  401  401  401   401
revoked      in   401   401  401       401       401        401       401  401  401  401   401
unknown      in   401   401  401       401       401        401       401  401  401  401   401
two-users    in   401   401  401       401       401        401       401  401  401  401   401
good-and-bad in   401   401  401       401       401        401       401  401  401  401   401
"""
"""Kind of principal x class of route.

`open` asks nobody who they are, `known` anybody whom it knows, `own` a user about their own
account. `show-*` tells of a model and `chat`, `code`, `any`, `embed*` use one: at the service of
that name, `any` at those of every kind. `key-of-chat` opens the service chat, `key-of-model` the
model CHAT.
"""


def read_table(text: str) -> dict[str, dict[str, str]]:
    """Kind -> class -> cell."""
    head, *rows = (line.split() for line in text.strip().splitlines())
    return {kind: dict(zip(head, cells, strict=True)) for kind, *cells in rows}


CELLS = read_table(TABLE)


@dataclass(frozen=True, slots=True)
class Route:
    """A request that those who may make it get `answer` to.

    A GET is asked as HEAD too, which gets the same unless `head` says something else, but for
    `headless` ones, where there is no such route for anybody.
    `{own_key}`, `{other_key}` and `{absent_key}` in the path are ids of API keys.
    """

    method: str
    path: str
    answer: int = 200
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    head: int = 0
    headless: bool = False


GET, POST, DELETE, HEAD = "GET", "POST", "DELETE", "HEAD"

AUTH = ("/auth", "/llm/auth", "/api/llm/auth")
ANY = ("/api/v1", "/v1", "/llm/v1", "/api/llm/v1", "", "/ollama/v1")
EVERY = (*ANY, "/chat/v1", "/code/v1", "/embed/v1")

PROBES = (
    "/",
    "/health",
    "/healthz",
    "/health/liveness",
    "/health/liveliness",
    "/readyz",
    "/health/readiness",
    "/ollama",
    "/ollama/api/version",
)
NOBODYS = {"Cookie": "refresh_token=rt_nobodys"}
"""It goes before a token in `Authorization`, which may be of another kind."""

DIGEST = "sha256:" + "0" * 64
MESSAGES = [{"role": "user", "content": "Hi"}]


def _chats(prefix: str, model: str) -> tuple[Route, ...]:
    chat = {"model": model, "messages": MESSAGES}
    text = {"model": model, "prompt": "Hi"}
    return (
        Route(POST, f"{prefix}/chat/completions", body=chat),
        Route(POST, f"{prefix}/completions", body=text),
    )


def _embeds(prefix: str) -> Route:
    return Route(POST, f"{prefix}/embeddings", body={"model": EMBED, "input": "Hi"})


def _ollama(path: str, **fields: object) -> Route:
    return Route(POST, f"/ollama/api/{path}", body={"stream": False, **fields})


ROUTES: Mapping[str, tuple[Route, ...]] = {
    "open": (
        *(Route(GET, path) for path in PROBES),
        Route(POST, "/api/v1/auths/signin", 400, {}),
        *(Route(POST, f"{at}/guest-login", 400, {"name": "x"}) for at in AUTH),
        *(
            Route(method, f"{at}/{door}", 401, headers=NOBODYS, head=405)
            for at in AUTH
            for door in ("refresh", "refresh-token")
            for method in (GET, POST)
        ),
        *(Route(POST, f"{at}/revoke", 400, {}) for at in AUTH),
        *(Route(POST, f"{at}/validate-api-key", 400, {}) for at in AUTH),
    ),
    "known": (
        *(Route(GET, f"{prefix}/models") for prefix in EVERY),
        *(Route(GET, f"{prefix}/models/absent", 404) for prefix in EVERY),
        Route(GET, "/ollama/api/tags"),
        *(
            Route(GET, f"/ollama/api/{path}", headless=True)
            for path in ("ps", "status", "experimental/model-recommendations")
        ),
        Route(POST, "/ollama/api/show", 404, {"model": "absent"}),
        Route(POST, "/ollama/api/pull", 404, {"model": "absent"}),
        Route(POST, "/ollama/api/push", 403, {"model": CHAT}),
        Route(POST, "/ollama/api/create", 403, {"model": "x", "from": CHAT}),
        Route(POST, "/ollama/api/copy", 403, {"source": CHAT, "destination": "x"}),
        Route(DELETE, "/ollama/api/delete", 403, {"model": CHAT}),
        Route(POST, f"/ollama/api/blobs/{DIGEST}", 403),
        Route(HEAD, f"/ollama/api/blobs/{DIGEST}", 404),
        *(Route(GET, f"{at}/me") for at in AUTH),
        Route(GET, "/api/v1/auths"),
        *(
            Route(method, path, head=405)
            for path in (*(f"{at}/logout" for at in AUTH), "/api/v1/auths/signout")
            for method in (GET, POST)
        ),
    ),
    "own": (
        *(Route(GET, f"{at}/api-keys") for at in AUTH),
        *(Route(POST, f"{at}/api-keys", 400, {}) for at in AUTH),
        *(Route(DELETE, f"{at}/api-keys/{{own_key}}", 204) for at in AUTH),
        *(Route(DELETE, f"{at}/api-keys/{{other_key}}", 404) for at in AUTH),
        *(Route(DELETE, f"{at}/api-keys/{{absent_key}}", 404) for at in AUTH),
        *(Route(POST, f"{at}/upgrade", 400, {}) for at in AUTH),
        Route(POST, "/api/v1/auths/update/password", 400, {}),
        # In this order there is no default key before and after.
        Route(GET, "/api/v1/auths/api_key", 404),
        Route(POST, "/api/v1/auths/api_key"),
        Route(DELETE, "/api/v1/auths/api_key"),
    ),
    "show-chat": (Route(GET, f"/chat/v1/models/{CHAT}"),),
    "show-code": (Route(GET, f"/code/v1/models/{CODE}"),),
    "show-embed": (Route(GET, f"/embed/v1/models/{EMBED}"),),
    "show-any": (
        *(Route(GET, f"{prefix}/models/{CHAT}") for prefix in ANY),
        _ollama("show", model=CHAT),
        _ollama("pull", model=CHAT),
    ),
    "chat": _chats("/chat/v1", CHAT),
    "code": _chats("/code/v1", CODE),
    "any": (
        *(route for prefix in ANY for route in _chats(prefix, CHAT)),
        _ollama("chat", model=CHAT, messages=MESSAGES),
        _ollama("generate", model=CHAT, prompt="Hi"),
    ),
    "embed": (_embeds("/embed/v1"),),
    "embed-any": (
        *(_embeds(prefix) for prefix in ANY),
        _ollama("embed", model=EMBED, input="Hi"),
        _ollama("embeddings", model=EMBED, prompt="Hi"),
    ),
}
"""Class -> its routes."""

SERVICES: Mapping[str, tuple[str, ...]] = {
    "api": ("/api/v1",),
    "chat": ("/chat/v1",),
    "code": ("/code/v1",),
    "embed": ("/embed/v1",),
    "v1": ("/v1", "/llm/v1", "/api/llm/v1", ""),
    "ollama": ("/ollama", "/ollama/v1"),
}
"""Service, as keys name it -> where it is."""

MODEL_CLASSES = ("chat", "code", "any", "embed", "embed-any")
"""Those whose requests an upstream gets to see."""
