"""What the operator decided: frozen values, one class per section.

Plain data with defaults; reading, checking and merging the sources is `settings.load`.
Durations are seconds, sizes are bytes, a secret is a plain string ("" = not set) that
`repr` leaves out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["chat", "code", "embed"]

CHECKOUT = Path(__file__).parents[2]
"""The folder of `wsgi.py`."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the gateway listens and how much it takes on; limits are per worker."""

    bind: str = "127.0.0.1:8000"
    workers: int = 1
    threads: int = 16
    max_connections: int = 4096
    data_dir: str = "var"
    trusted_proxies: int = 0
    max_body_bytes: int = 33_554_432
    max_buffered_bytes: int = 268_435_456
    root_message: str = "FastAPI is running"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the bind address (a socket file too)."""
        host = self.bind.rpartition(":")[0].strip("[]")
        here = host in ("127.0.0.1", "::1", "localhost")
        return here or self.bind.startswith("unix:")


@dataclass(frozen=True, slots=True)
class Database:
    """`url` "" means SQLite in the data directory."""

    url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Guest:
    """Guest accounts: off unless asked for. `group` is the one that they are put in."""

    enabled: bool = False
    token_ttl_s: int = 3600
    group: str = "user"


@dataclass(frozen=True, slots=True)
class Oidc:
    """The company's identity provider; nothing is derived from `keycloak_base_url`."""

    jwks_url: str = ""
    issuer: str = ""
    audience: str = ""
    keycloak_base_url: str = ""


@dataclass(frozen=True, slots=True)
class Auth:
    """Who gets in; `auto` is off only while no credential source is configured.

    `api_key_ttl_s` is the longest life of an API key, and its life unless told otherwise.
    `group_models`: who is in groups that have patterns may use what those match only.
    """

    mode: Literal["auto", "required", "off"] = "auto"
    api_key: str = field(default="", repr=False)
    token_ttl_s: int = 86_400
    refresh_ttl_s: int = 2_592_000
    api_key_ttl_s: int = 7_776_000
    api_keys_per_user: int = 5
    group_models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guest: Guest = field(default_factory=Guest)
    oidc: Oidc = field(default_factory=Oidc)


@dataclass(frozen=True, slots=True)
class User:
    """A predefined user; `groups`: admin, user, blocked, or any other name."""

    username: str
    password_hash: str = field(repr=False)
    email: str = ""
    groups: tuple[str, ...] = ("user",)


@dataclass(frozen=True, slots=True)
class Limits:
    """Request rates in the notation of Flask-Limiter, per principal over all prefixes."""

    default: str = "100/minute"
    storage_url: str = field(default="memory://", repr=False)
    concurrent_requests: int = 0
    tokens_per_minute: int = 0
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChatLog:
    """How much of each conversation is written to the daily file.

    `dir` "" means `chat_logs` in the data directory.
    """

    level: Literal["off", "counts", "redacted", "full"] = "full"
    dir: str = ""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Deadlines of one request in seconds; `plain_s` is `first_byte_s` where that is set."""

    connect_s: float = 2
    first_byte_s: float = 60
    plain_s: float = 600
    idle_s: float = 30
    total_s: float = 600
    heartbeat_s: float = 15
    queue_s: float = 2


@dataclass(frozen=True, slots=True)
class Media:
    """Where `jan_...` ids are resolved, and whether remote image URLs are passed on."""

    resolve_url: str = ""
    timeout_s: float = 5
    remote: Literal["refuse", "forward"] = "refuse"


@dataclass(frozen=True, slots=True)
class Log:
    """The operational log on stdout; never prompts, answers or secrets."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["json", "text"] = "json"


@dataclass(frozen=True, slots=True)
class Otel:
    """OpenTelemetry traces."""

    enabled: bool = False
    service_name: str = "llm-api"
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamSettings:
    """One model server: `url` is what the dialect's own client takes as its base.

    `engine` is the server's make where its dialect does not tell ("" = as its list of models
    says, else vLLM); `embed_batch` how many texts it embeds at once; `keep_alive` (a Go
    duration) how long an Ollama server keeps a model loaded, "" = as it likes.
    """

    name: str
    url: str
    dialect: Literal["openai", "ollama", "anthropic"] = "openai"
    api_key: str = field(default="", repr=False)
    max_in_flight: int = 0
    models: tuple[str, ...] = ()
    engine: Literal["", "vllm", "llamacpp", "tgi", "tei", "openai"] = ""
    embed_batch: int = 32
    keep_alive: str = ""


CAPABILITIES = ("tools", "thinking", "vision", "insert", "audio")
"""What a model may be able to do besides its kind, in Ollama's words."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Interchangeable upstreams of one family of models (`models`: name patterns).

    `rescue`: how an upstream goes on with an answer that another one broke off: vLLM's
    `continue_final_message`, or a prefilled assistant turn alone (llama.cpp, Ollama).
    `context_length` in tokens, 0 = as the upstream says; `capabilities` () = not known, so that
    nothing is refused; `fill_in_middle` makes a prompt of {prefix} and {suffix} for models that
    can fill a gap; `think_tags`: thoughts come as `<think>` in the text.
    """

    name: str
    kind: Kind
    models: tuple[str, ...]
    upstreams: tuple[UpstreamSettings, ...]
    policy: Literal["least_busy", "round_robin", "first", "affinity"] = "least_busy"
    owned_by: str = ""
    default_model: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    inject_defaults: bool = True
    rescue: Literal["off", "continue", "prefill"] = "off"
    context_length: int = 0
    capabilities: tuple[str, ...] = ()
    fill_in_middle: str = ""
    think_tags: bool = False


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How one service differs: the compatibility settings of DESIGN.md section 5.

    `upstream_error_status` 0 keeps 502/503/504; `default_temperature` and
    `default_top_p` None inject nothing (in the file: "none"); `user_input` "required"
    refuses a chat without text or image from a user. `allowed_origins` (patterns) are web
    pages that may call the service; `open_discovery` lets anybody list and show its models.
    """

    default_model: str = ""
    upstream_error_status: int = 0
    unknown_model_code: str = "model_not_found"
    empty_answer: Literal["pass", "error"] = "pass"
    user_input: Literal["any", "required"] = "any"
    default_temperature: float | None = None
    default_top_p: float | None = None
    responses: Literal["auto", "simple", "openai"] = "openai"
    allowed_origins: tuple[str, ...] = ()
    open_discovery: bool = False


OLDER_DOCUMENTS = ServiceSettings(
    upstream_error_status=500,
    unknown_model_code="invalid_model",
    empty_answer="error",
    user_input="required",
    default_temperature=0.7,
    default_top_p=1.0,
    responses="auto",
)
"""Defaults of service `v1`, which behaves as the older reference documents say."""

OLLAMA_SERVICE = ServiceSettings(
    allowed_origins=(
        "*://localhost",
        "*://127.0.0.1",
        "*://0.0.0.0",
        "app://*",
        "file://*",
        "tauri://*",
        "vscode-webview://*",
        "vscode-file://*",
        "*-extension://*",
    ),
)
"""Defaults of service `ollama`: the origins of Ollama 0.33; a pattern holds for any port."""

SERVICE_NAMES = ("api", "chat", "code", "embed", "v1", "ollama")


def default_services() -> dict[str, ServiceSettings]:
    """Each service's compatibility settings when the file says nothing."""
    services = dict.fromkeys(SERVICE_NAMES, ServiceSettings())
    services["v1"] = OLDER_DOCUMENTS
    services["ollama"] = OLLAMA_SERVICE
    return services


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the operator decided; made by `load_settings`, read-only."""

    server: Server = field(default_factory=Server)
    database: Database = field(default_factory=Database)
    auth: Auth = field(default_factory=Auth)
    users: tuple[User, ...] = ()
    limits: Limits = field(default_factory=Limits)
    chat_log: ChatLog = field(default_factory=ChatLog)
    timeouts: Timeouts = field(default_factory=Timeouts)
    media: Media = field(default_factory=Media)
    log: Log = field(default_factory=Log)
    otel: Otel = field(default_factory=Otel)
    pools: tuple[PoolSettings, ...] = ()
    services: Mapping[str, ServiceSettings] = field(default_factory=default_services)

    @property
    def data_dir(self) -> Path:
        """The folder of the signing key, the database and the chat log.

        A relative one is beside `wsgi.py`, from wherever a command is run.
        """
        return CHECKOUT / self.server.data_dir

    @property
    def auth_required(self) -> bool:
        """Whether a request needs a credential: `auto` asks once any source exists."""
        auth = self.auth
        if auth.mode != "auto":
            return auth.mode == "required"
        return any((self.users, auth.api_key, auth.oidc.jwks_url, auth.guest.enabled))
