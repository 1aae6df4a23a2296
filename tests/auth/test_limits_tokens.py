"""Tokens: reserved by an estimate, settled by what was used, never lost."""

import pytest

from llmwrap.errors import InvalidJson, TokensLimited, UpstreamError
from llmwrap.exchange import Exchange
from llmwrap.settings.values import Limits
from tests.auth.asking import ALICE, admit, exchange, finish
from tests.auth.stores import quotas_for


def left(quotas):
    """The tokens that are left, told by a request that takes none."""
    probe = exchange()
    told = quotas.admit(ALICE, probe, b'{"max_tokens":0}').tokens.remaining + 4
    finish(quotas, probe, attempts=0)
    return told


@pytest.fixture
def tokens(clock):
    return quotas_for(Limits(default="999/minute", tokens_per_minute=1000), clock)


def test_tokens_are_reserved_at_the_start(tokens):
    answers = [admit(tokens) for _ in range(10)]
    assert [type(answer) for answer in answers] == [Exchange] * 9 + [TokensLimited]


def test_tokens_that_were_not_used_come_back(tokens):
    for _ in range(27):
        finish(tokens, admit(tokens), (10, 23))
    assert left(tokens) == 109


def test_tokens_beyond_the_estimate_are_charged(tokens):
    finish(tokens, admit(tokens), (500, 400))
    assert left(tokens) == 100
    finish(tokens, admit(tokens, b'{"max_tokens":1}'), (5000, 0))
    assert isinstance(admit(tokens, b'{"max_tokens":0}'), TokensLimited)


def test_an_answer_that_outlives_its_minute_gives_nothing_back_to_the_next(
    tokens, clock
):
    first = admit(tokens)
    clock.now += 60
    second = admit(tokens)
    finish(tokens, first, (1, 1))
    finish(tokens, second, (12, 90))
    assert left(tokens) == 898


def test_an_answer_that_outlives_its_minute_charges_the_rest_to_the_next(tokens, clock):
    first = admit(tokens)
    clock.now += 60
    finish(tokens, first, (12, 290))
    assert left(tokens) == 800


@pytest.mark.parametrize("outcome", ["ok", "client_abort", "upstream_abort", "drained"])
def test_an_answer_without_usage_costs_what_was_estimated(tokens, outcome):
    finish(tokens, admit(tokens), outcome=outcome)
    assert left(tokens) == 898


def test_who_leaves_before_the_count_pays_for_what_was_delivered(tokens):
    one = admit(tokens)
    one.delivered = 700
    finish(tokens, one, outcome="client_abort")
    assert left(tokens) == 1000 - 12 - 700


def test_who_leaves_early_pays_what_was_reserved(tokens):
    one = admit(tokens)
    one.delivered = 3
    finish(tokens, one, outcome="client_abort")
    assert left(tokens) == 898


def test_a_count_in_the_middle_of_an_answer_hides_nothing(tokens):
    """Some upstreams count as they go, or tell of the prompt first."""
    one = admit(tokens)
    one.delivered = 300
    finish(tokens, one, (20, 1), outcome="client_abort")
    assert left(tokens) == 1000 - 20 - 300


def test_the_count_of_a_whole_answer_is_what_it_costs(tokens):
    one = admit(tokens)
    one.delivered = 300
    finish(tokens, one, (20, 250))
    assert left(tokens) == 1000 - 20 - 250


def test_an_answer_that_was_ended_by_revocation_is_paid(tokens):
    one = admit(tokens)
    one.delivered, one.first_byte = 700, 1.0
    finish(tokens, one, outcome="refused")
    assert left(tokens) == 1000 - 12 - 700


@pytest.mark.parametrize("error", [InvalidJson("x"), UpstreamError("x")])
def test_a_request_that_came_to_nothing_costs_no_tokens(tokens, error):
    finish(tokens, admit(tokens), error=error)
    assert left(tokens) == 1000


def test_a_request_that_no_upstream_saw_costs_no_tokens(tokens):
    finish(tokens, admit(tokens), attempts=0)
    assert left(tokens) == 1000


def test_a_request_is_settled_once(tokens):
    one = admit(tokens)
    finish(tokens, one, (1, 1))
    finish(tokens, one, (1, 1))
    assert left(tokens) == 998


def test_a_request_for_more_than_a_minute_has_passes_in_a_minute_of_its_own(tokens):
    greedy = b'{"max_tokens": 100000}'
    one = admit(tokens, greedy)
    assert isinstance(one, Exchange)
    assert isinstance(admit(tokens, b'{"max_tokens":0}'), TokensLimited)
    finish(tokens, one, (1, 1))
    assert left(tokens) == 998


def test_what_asks_no_model_takes_no_tokens(tokens):
    admission = tokens.admit(ALICE, exchange(), None)
    assert admission.tokens is None


def test_refusal_for_tokens_has_a_code_of_its_own(tokens):
    for _ in range(9):
        admit(tokens)
    refused = admit(tokens)
    assert (refused.status, refused.code) == (429, "token_limit_exceeded")
    assert refused.message == (
        "the limit of 1000 per minute (tokens) is reached; free again in 60 s"
    )
    assert dict(refused.answer_headers())["Retry-After"] == "60"
