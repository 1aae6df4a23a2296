"""What a single value may be: strict marshmallow fields that say it in words.

The message of every field is the words that follow "give ..."; the loader adds the path,
the value and its source. Nothing is converted from another type: "4" is no number and
true is no 1.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit

from limits import parse_many
from marshmallow import ValidationError, fields


def _unchanged(value: Any) -> Any:
    return value


class Value(fields.Field[Any]):
    """A value that `accepts` agrees to; `accepted` tells people what that is."""

    def __init__(
        self,
        accepted: str,
        accepts: Callable[[Any], bool],
        *,
        convert: Callable[[Any], Any] = _unchanged,
        required: bool = False,
    ) -> None:
        messages: dict[str, Any] = dict.fromkeys(
            ("required", "null", "invalid"), accepted
        )
        super().__init__(required=required, error_messages=messages)
        self.accepts = accepts
        self.convert = convert

    def make_error(self, key: str, **_kwargs: Any) -> ValidationError:
        """The words as they stand; marshmallow would fill in what is in braces."""
        return ValidationError(self.error_messages[key])

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> Any:
        if not self.accepts(value):
            raise self.make_error("invalid")
        return self.convert(value)


class Flag(Value):
    """True or false."""

    def __init__(self) -> None:
        super().__init__("true or false", lambda value: isinstance(value, bool))


class Text(Value):
    """A string; `fits` narrows it."""

    def __init__(
        self,
        accepted: str = "a string",
        fits: Callable[[str], object] = str.isprintable,
        *,
        convert: Callable[[str], Any] = _unchanged,
        required: bool = False,
    ) -> None:
        super().__init__(
            accepted,
            lambda value: isinstance(value, str) and bool(fits(value)),
            convert=convert,
            required=required,
        )


class Secret(Text):
    """A string that is never shown; `x` may also come as `x_file` or `x_env`."""


class Texts(Value):
    """A list of strings, none of them empty; `least` of them, or some of those `among`."""

    def __init__(self, *, least: int = 0, among: Sequence[str] = ()) -> None:
        words = "a list of at least one string" if least else "a list of strings"
        super().__init__(
            f"a list of some of {', '.join(among)}" if among else words,
            lambda value: (
                are_texts(value)
                and len(value) >= least
                and (not among or set(value) <= set(among))
            ),
            convert=tuple,
            required=least > 0,
        )


def are_texts(value: object) -> bool:
    """Whether the value is a list of strings, none of them empty."""
    return isinstance(value, list) and all(
        isinstance(item, str) and item for item in value
    )


class FreeTable(fields.Field[Any]):
    """A table with free keys; every value is as `item` says."""

    def __init__(self, item: Value) -> None:
        messages: dict[str, Any] = dict.fromkeys(("null", "invalid"), "a table")
        super().__init__(error_messages=messages)
        self.item = item

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.make_error("invalid")
        accepted = self.item.error_messages["invalid"]
        bad = {key: [accepted] for key in value if not self.item.accepts(value[key])}
        if bad:
            raise ValidationError(bad)
        return {key: self.item.convert(value[key]) for key in value}


def whole(least: int) -> Value:
    """A whole number from `least` on."""
    return Value(
        f"a whole number, {least} or more", lambda value: _is_from(value, least)
    )


def _is_from(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def seconds(accepted: str = "a number of seconds above 0") -> Value:
    """A finite time above 0."""
    return Value(accepted, lambda value: _is_number(value) and 0 < value < float("inf"))


def number_or_none(most: float) -> Value:
    """A number from 0 to `most`, or the word "none" for None."""
    return Value(
        f'a number from 0 to {most:g}, or "none"',
        lambda value: value == "none" or (_is_number(value) and 0 <= value <= most),
        convert=lambda value: None if value == "none" else value,
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def choice(owner: type, name: str, *, required: bool = False) -> Text:
    """One of the words in the `Literal` that annotates `owner.name`."""
    words = get_args(get_type_hints(owner)[name])
    return Text(_either(words), words.__contains__, required=required)


def _either(words: Iterable[str]) -> str:
    *others, last = (f'"{word}"' for word in words)
    return f"{', '.join(others)} or {last}"


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HASH = re.compile(r"(?:scrypt:\d+:\d+:\d+|pbkdf2:[\w-]+:\d+)\$[^$]+\$[0-9a-f]+")
_KEY = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
_GO_DURATION = re.compile(r"-?(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+|0")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

MAX_EMAIL = 254
"""RFC 5321: no longer address can be delivered to."""


def name() -> Text:
    """A required name that is safe in logs, metrics and paths."""
    words = "a name of letters, digits, dots, dashes and underscores"
    return Text(words, _NAME.fullmatch, required=True)


def rates() -> Text:
    """Request rates as the `limits` package reads them."""
    return Text('rates such as "100/minute" or "5/second; 100/hour"', _are_rates)


def _are_rates(text: str) -> bool:
    try:
        parse_many(text)
    except ValueError:
        return False
    return True


def key() -> Secret:
    """A shared key that fits into a header."""
    return Secret("printable ASCII, no space at either end", _KEY.fullmatch)


def go_duration() -> Text:
    """How long Ollama keeps a model loaded: a Go duration, "-1s" for ever; "" is its default."""
    words = 'a Go duration such as "5m", "1h30m" or "-1s"'
    return Text(words, lambda text: not text or _GO_DURATION.fullmatch(text))


def fill_in_middle() -> Text:
    """The prompt that makes a model fill a gap."""
    return Text(
        "a text with {prefix} and {suffix} in it",
        lambda text: not text or ("{prefix}" in text and "{suffix}" in text),
    )


def password_hash() -> Secret:
    """What `llmwrap user hash-password` prints (the formats of werkzeug 3)."""
    words = "a scrypt or pbkdf2 hash as `llmwrap user hash-password` prints it"
    return Secret(words, _HASH.fullmatch, required=True)


def username() -> Text:
    """A name that HTTP Basic can carry: RFC 7617 ends it at the first colon."""
    return Text(
        "a printable name without a colon",
        lambda text: text and text.isprintable() and ":" not in text,
        required=True,
    )


def email() -> Text:
    """An optional address to sign in with."""
    words = "an address such as ann@example.com"
    return Text(words, lambda text: not text or is_email(text))


def is_email(text: str) -> bool:
    """Whether the text can be an email address, and fits where one is kept."""
    fits = len(text) <= MAX_EMAIL and text.isprintable()
    return fits and _EMAIL.fullmatch(text) is not None


def web_address() -> Text:
    """An optional http(s) address without credentials."""
    words = "an http:// or https:// address without credentials"
    return Text(words, lambda text: not text or _is_web_address(text))


def base_url(*, required: bool = False) -> Text:
    """An address that paths are appended to, so without query and fragment too."""
    return Text(
        "an http:// or https:// address without credentials, query or fragment",
        lambda text: (
            _is_web_address(text) and not {"?", "#"} & set(text)
            if text or required
            else True
        ),
        required=required,
    )


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        known_port = parts.port != 0
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and known_port
        and "@" not in parts.netloc
        and text.isprintable()
        and " " not in text
    )
