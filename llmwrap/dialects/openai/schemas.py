"""Which fields of a request are judged, and how; all others go to the upstream untouched.

Only the top level is a marshmallow schema: a nested one costs a millisecond for a long chat, so
`messages`, `prompt` and `input` are walked by plain loops; and only the fields that a body has
are judged, one by one. `null` counts as absent.
"""

from collections.abc import Mapping
from typing import Any, NoReturn

from marshmallow import INCLUDE, Schema, ValidationError, fields

from llmwrap.errors import InvalidRequest, MissingParameter, UnsupportedParameter

REDIRECTING = (
    "api_base",
    "base_url",
    "api_key",
    "extra_headers",
    "organization",
    "custom_llm_provider",
)
"""Names that other gateways obey as orders to send the request, or a key, elsewhere."""

PEERS = ("kv_transfer_params", "ec_transfer_params", "bootstrap_host")
"""Names by which vLLM 0.16 and SGLang 0.5 are told of a host to fetch from (2026-11)."""

_ELSEWHERE = frozenset((*REDIRECTING, *PEERS))

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
MAX_INPUTS = 2048
"""OpenAI's own limit of the texts in one request; text completions are held to it too."""

MAX_CHOICES = 128
"""OpenAI's own limit of `n`."""

MAX_TOKENS = 100_000_000
"""Ten times what the longest model of 2026-11 can read."""

MAX_STOPS = 128
"""vLLM has no limit, OpenAI's own is 4."""


class _Optional(fields.Field[Any]):
    """A field that may be null; `accepts` ends the sentence of its refusal."""

    accepts = ""

    def __init__(self) -> None:
        super().__init__(allow_none=True)

    def fits(self, value: Any) -> bool:
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not self.fits(value):
            raise ValidationError(f"{attr} is {shown(value)}; accepted: {self.accepts}")
        return value


class _Number(_Optional):
    """A JSON number in a closed range; a boolean is no number."""

    def __init__(self, low: float, high: float = float("inf")) -> None:
        super().__init__()
        self.low, self.high = low, high
        most = "" if high == float("inf") else f" to {high:g}"
        self.accepts = f"a number from {low:g}{most}"

    def fits(self, value: Any) -> bool:
        return type(value) in (int, float) and self.low <= value <= self.high


class _Count(_Optional):
    """A JSON integer of at least `low`, and at most `high` where that is not 0."""

    def __init__(self, low: int, high: int = 0) -> None:
        super().__init__()
        self.low, self.high = low, high or float("inf")
        most = f"from {low} to {high}" if high else f"of at least {low}"
        self.accepts = f"an integer {most}"

    def fits(self, value: Any) -> bool:
        return type(value) is int and self.low <= value <= self.high


class _Stops(_Optional):
    """A string, or not too many of them."""

    accepts = f"a string, or an array of at most {MAX_STOPS} strings"

    def fits(self, value: Any) -> bool:
        if type(value) is not list:
            return type(value) is str
        return len(value) <= MAX_STOPS and all(type(each) is str for each in value)


class _OfType(_Optional):
    """A JSON value of one type."""

    def __init__(self, kind: type, accepts: str) -> None:
        super().__init__()
        self.kind, self.accepts = kind, accepts

    def fits(self, value: Any) -> bool:
        return type(value) is self.kind


class _Common(Schema):
    class Meta:
        unknown = INCLUDE

    model = _OfType(str, "a string")
    stream = _OfType(bool, "true or false")
    stream_options = _OfType(dict, "an object")


class _Generation(_Common):
    n = _Count(1, MAX_CHOICES)
    temperature = _Number(0, 2)
    top_p = _Number(0, 1)
    stop = _Stops()


class _Chat(_Generation):
    max_tokens = _Count(1, MAX_TOKENS)
    max_completion_tokens = _Count(1, MAX_TOKENS)
    tools = _OfType(list, "an array")
    response_format = _OfType(dict, "an object")


class _TextCompletion(_Generation):
    max_tokens = _Count(0, MAX_TOKENS)
    best_of = _Count(0, MAX_CHOICES)


class _Embeddings(_Common):
    dimensions = _Count(1)
    encoding_format = _OfType(str, "'float' or 'base64'")


CHAT = _Chat()
TEXT_COMPLETION = _TextCompletion()
EMBEDDINGS = _Embeddings()


def judge(schema: Schema, body: Mapping[str, Any]) -> None:
    """Refuse `body` (400 with `param`) for the first of its fields that does not fit."""
    if not _ELSEWHERE.isdisjoint(body):
        _refuse_elsewhere(body)
    for name, value in body.items():
        field = schema.fields.get(name)
        if field is None:
            continue
        try:
            field.deserialize(value, name, body)
        except ValidationError as error:
            raise InvalidRequest(str(error.messages[0]), param=name) from error
    options = body.get("stream_options")
    if options is not None and not body.get("stream"):
        raise InvalidRequest(
            "stream_options is only accepted with stream: true", param="stream_options"
        )


def _refuse_elsewhere(body: Mapping[str, Any]) -> None:
    for name in REDIRECTING:
        if name in body:
            raise UnsupportedParameter(
                f"{name} is not accepted: where a request goes is configured here",
                param=name,
            )
    for name in PEERS:
        if body.get(name) is not None:
            raise UnsupportedParameter(
                f"{name} is not accepted: what a model's server fetches is configured there",
                param=name,
            )


def check_messages(body: Mapping[str, Any]) -> None:
    """Refuse a body whose `messages` are no messages, naming the spot."""
    messages = body.get("messages")
    if messages is None:
        raise MissingParameter("messages is missing", param="messages")
    if type(messages) is not list or not messages:
        raise InvalidRequest(
            f"messages is {shown(messages)}; accepted: a non-empty array of messages",
            param="messages",
        )
    for number, message in enumerate(messages):
        if type(message) is not dict:
            refuse(f"messages[{number}]", message, "an object")
        role = message.get("role")
        if type(role) is not str or role not in ROLES:
            refuse(f"messages[{number}].role", role, ", ".join(sorted(ROLES)))
        content = message.get("content")
        if type(content) is list:
            _check_parts(f"messages[{number}].content", content)
        elif content is not None and type(content) is not str:
            refuse(f"messages[{number}].content", content, "a string or an array")


def _check_parts(where: str, parts: list[Any]) -> None:
    for number, part in enumerate(parts):
        if type(part) is not dict:
            refuse(f"{where}[{number}]", part, "an object with a type")
        if type(part.get("type")) is not str:
            refuse(f"{where}[{number}].type", part.get("type"), "a string")


def check_prompt(body: Mapping[str, Any]) -> None:
    """Refuse a text completion without a prompt (null is the empty document)."""
    if "prompt" not in body and "prompt_embeds" not in body:
        raise MissingParameter("prompt is missing", param="prompt")
    prompt = body.get("prompt")
    if prompt is None or type(prompt) is str:
        return
    if type(prompt) is not list or not prompt:
        refuse("prompt", prompt, "a string, or a non-empty array of strings or tokens")
    _check_items("prompt", prompt)
    if type(prompt[0]) is not int:
        _check_answers(len(prompt), body.get("n") or 1)


def _check_answers(prompts: int, n: int) -> None:
    """Refuse a small request for very many answers."""
    if prompts * n > MAX_INPUTS:
        times = f", each {n} times" if n > 1 else ""
        raise InvalidRequest(
            f"prompt has {prompts} items{times}; accepted: at most {MAX_INPUTS} answers",
            param="prompt",
        )


def check_input(body: Mapping[str, Any]) -> None:
    """Refuse embeddings of nothing, of too much, or of what is no text or token."""
    value = body.get("input")
    if value is None and body.get("messages") is not None:
        return
    if value is None:
        raise MissingParameter("input is missing", param="input")
    if type(value) is str and value:
        return
    if type(value) is not list or not value:
        refuse("input", value, "a non-empty string, or a non-empty array")
    if len(value) > MAX_INPUTS:
        raise InvalidRequest(
            f"input has {len(value)} items; accepted: at most {MAX_INPUTS}",
            param="input",
        )
    _check_items("input", value)
    if "" in value:
        raise InvalidRequest(
            f"input[{value.index('')}] is an empty string", param="input"
        )


def _check_items(name: str, items: list[Any]) -> None:
    """All strings, all token ids, or all arrays of token ids."""
    kind = type(items[0])
    if kind not in (str, int, list):
        refuse(f"{name}[0]", items[0], "a string, a token id or an array of token ids")
    for number, item in enumerate(items):
        if type(item) is not kind:
            refuse(f"{name}[{number}]", item, "the same type as the first item")
        if kind is list and (not item or any(type(token) is not int for token in item)):
            refuse(f"{name}[{number}]", item, "a non-empty array of token ids")


def refuse(param: str, value: Any, accepts: str) -> NoReturn:
    """400 for a value that is missing, or none of what `accepts` says."""
    if value is None:
        raise MissingParameter(f"{param} is missing; accepted: {accepts}", param=param)
    raise InvalidRequest(f"{param} is {shown(value)}; accepted: {accepts}", param=param)


def shown(value: Any) -> str:
    """A value for a message: short, and never the text of a prompt."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)[:40]
    if isinstance(value, str):
        return f"the string {value!r}" if len(value) <= 40 else "a string"
    if isinstance(value, list):
        return "an array" if value else "an empty array"
    return "an object"
