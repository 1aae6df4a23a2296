"""What every error says of itself beside its text."""

import re
from dataclasses import dataclass

import pytest

from llmwrap import errors


def test_error_says_whose_fault_it_was() -> None:
    assert errors.InvalidJson("x").answer_headers() == (("x-llmwrap-fault", "caller"),)
    assert errors.Forbidden("x").answer_headers() == (("x-llmwrap-fault", "policy"),)
    assert errors.UpstreamError("x").answer_headers() == (
        ("x-llmwrap-fault", "upstream"),
    )
    assert errors.GatewayFault("x").answer_headers() == (
        ("x-llmwrap-fault", "gateway"),
    )


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "1"), (0.2, "1"), (1, "1"), (4.6, "5"), (120.0, "120")]
)
def test_retry_after_is_whole_seconds_and_at_least_one(
    seconds: float, told: str
) -> None:
    headers = errors.RateLimited("x", retry_after_s=seconds).answer_headers()
    assert headers == (("x-llmwrap-fault", "policy"), ("Retry-After", told))


def test_own_headers_come_first() -> None:
    error = errors.MethodNotAllowed("x", headers=(("Allow", "GET"),))
    assert error.answer_headers() == (("Allow", "GET"), ("x-llmwrap-fault", "caller"))


def test_message_is_the_text_of_the_exception() -> None:
    error = errors.InvalidRequest("n is 0", param="n")
    assert (str(error), error.message, error.param) == ("n is 0", "n is 0", "n")


def test_model_not_found_is_about_the_model_whatever_its_code() -> None:
    error = errors.ModelNotFound("x", code="invalid_model")
    assert (error.status, error.code, error.param) == (404, "invalid_model", "model")
    assert errors.ModelNotFound("x").code == "model_not_found"


def test_refusal_of_an_upstream_keeps_status_code_and_param() -> None:
    error = errors.UpstreamRefusal(413, "too_big", "x", param="messages")
    assert (error.status, error.code, error.param) == (413, "too_big", "messages")
    assert (error.type, error.fault) == ("invalid_request_error", "caller")


FAULTS = ("caller", "policy", "upstream", "gateway")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A line of the drawing; what it leaves out is as in the line above it in the tree."""

    parent: str
    status: int | None
    type: str | None
    code: str | None
    fault: str | None


def _drawing() -> dict[str, Drawn]:
    """The tree in the docstring of `llmwrap.errors`, by the names of the classes."""
    drawn: dict[str, Drawn] = {}
    above: list[tuple[int, str]] = [(4, "GatewayError")]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r" {4}[| ]*\|- (\w+) +(.*)", line)
        if not found:
            continue
        column = found.start(1)
        above = [(place, name) for place, name in above if place < column]
        drawn[found[1]] = _drawn(above[-1][1], found[2].split())
        above.append((column, found[1]))
    return drawn


def _drawn(parent: str, words: list[str]) -> Drawn:
    """`status [type] code [fault]`; a line of prose says nothing but its place."""
    if not words[0].isdigit():
        return Drawn(parent, None, None, None, None)
    fault = words.pop() if words[-1] in FAULTS else None
    kind = words.pop(1) if len(words) == 3 else None
    status, code = words
    return Drawn(parent, int(status), kind, code, fault)


def _classes() -> dict[str, type[errors.GatewayError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type)
        and issubclass(value, errors.GatewayError)
        and value is not errors.GatewayError
    }


def test_drawing_has_every_class_and_no_other() -> None:
    assert _drawing().keys() == _classes().keys()


@pytest.mark.parametrize("name", _classes())
def test_class_is_as_it_is_drawn(name: str) -> None:
    drawn, kind = _drawing()[name], _classes()[name]
    assert kind.__bases__ == (getattr(errors, drawn.parent),)
    if drawn.status:
        assert (kind.status, kind.code) == (drawn.status, drawn.code)
        (parent,) = kind.__bases__
        assert kind.type == (drawn.type or parent.type)
        assert kind.fault == (drawn.fault or parent.fault)
