"""The status table of the retry rules, from what an upstream says to what follows from it."""

from dataclasses import dataclass

import pytest

from llmwrap import errors
from llmwrap.dialects.openai import OpenAI
from llmwrap.upstreams.rules import MAX_ATTEMPTS, NO_RETRY, RULES, Rule, rule_of

WORD = b'{"error":{"message":"no"}}'
LOADING = b'{"error":{"message":"Loading model","type":"unavailable_error"}}'


@dataclass(frozen=True, slots=True)
class Row:
    """An upstream's answer, what the client is told if all fail, and the rule."""

    upstream: int
    client: int
    retries: int
    counts: bool
    rest_s: float = 0
    crash: bool = False
    body: bytes = WORD
    listing_mends: bool = False


NO, YES = False, True

STATUS_TABLE = [
    # The request is at fault: every upstream would refuse it.
    Row(400, 400, 0, NO),
    Row(405, 405, 0, NO),
    Row(409, 409, 0, NO),
    Row(413, 413, 0, NO),
    Row(415, 415, 0, NO),
    Row(422, 400, 0, NO),
    Row(501, 501, 0, NO),
    # The upstream's key: another one with another key.
    Row(401, 502, 1, NO, rest_s=60),
    Row(403, 502, 1, NO, rest_s=60),
    # Its models.
    Row(404, 404, 2, NO),
    # It gave up waiting.
    Row(408, 504, 1, NO),
    Row(425, 504, 1, NO),
    # Busy.
    Row(429, 429, 2, NO, rest_s=5),
    Row(529, 503, 2, NO, rest_s=5),
    Row(503, 503, 2, YES, rest_s=1),
    Row(503, 503, 2, NO, rest_s=2, body=LOADING),
    # Broken.
    Row(500, 502, 1, YES),
    Row(500, 502, 1, YES, crash=True, body=b""),
    Row(424, 502, 1, YES),
    Row(502, 502, 2, YES, listing_mends=True),
    Row(504, 502, 2, YES, listing_mends=True),
    Row(520, 502, 2, YES, listing_mends=True),
    Row(521, 502, 2, YES, listing_mends=True),
    Row(522, 502, 2, YES, listing_mends=True),
    Row(523, 502, 2, YES, listing_mends=True),
    Row(524, 502, 2, YES, listing_mends=True),
    # Not the API.
    Row(301, 502, 0, YES),
    Row(302, 502, 0, YES),
    Row(307, 502, 0, YES),
    Row(308, 502, 0, YES),
    Row(204, 502, 2, YES),
]


@pytest.mark.parametrize("row", STATUS_TABLE, ids=lambda row: str(row.upstream))
def test_status_decides_what_follows(row: Row) -> None:
    error = OpenAI().read_error(row.upstream, row.body)
    assert error.status == row.client
    assert rule_of(error) == Rule(
        row.retries, row.counts, row.rest_s, row.crash, row.listing_mends
    )


PHASES: list[tuple[str, errors.GatewayError, Rule]] = [
    ("nothing sent", errors.UpstreamUnreachable(""), Rule(2, YES, listing_mends=YES)),
    ("cut before an answer", errors.UpstreamDisconnected(""), Rule(1, YES, crash=YES)),
    ("first byte timeout", errors.UpstreamTimeout(""), Rule(0, YES)),
    ("no valid answer", errors.UpstreamProtocolError(""), Rule(2, YES)),
    ("nothing at its path", errors.UpstreamPathMissing(""), Rule(2, NO)),
    ("overloaded, it says", errors.UpstreamOverloaded(""), Rule(2, NO, rest_s=5)),
]


@pytest.mark.parametrize(("error", "rule"), [each[1:] for each in PHASES])
def test_phase_decides_what_follows(error: errors.GatewayError, rule: Rule) -> None:
    assert rule_of(error) == rule


@pytest.mark.parametrize(
    "error",
    [
        errors.EmptyAnswer(""),
        errors.UpstreamCrashed(""),
        errors.UpstreamRefusal(418, "c", ""),
        errors.InvalidRequest(""),
        errors.NoHealthyUpstream(""),
        errors.Draining(""),
        errors.GatewayFault(""),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_no_upstream_could_mend_is_never_retried(
    error: errors.GatewayError,
) -> None:
    assert rule_of(error) == NO_RETRY == Rule(0, NO)


def _kinds(parent: type[errors.GatewayError]) -> set[type[errors.GatewayError]]:
    below = parent.__subclasses__()
    return {parent, *below}.union(*map(_kinds, below))


def test_every_error_of_an_upstream_has_a_rule() -> None:
    """But those that end a request whatever the upstream is."""
    wanted = _kinds(errors.UpstreamError)
    assert wanted - RULES.keys() == {errors.EmptyAnswer, errors.UpstreamCrashed}
    assert RULES.keys() - wanted == set()


def test_three_attempts_are_the_most() -> None:
    assert MAX_ATTEMPTS == 3
    assert max(rule.retries for rule in RULES.values()) == 2
