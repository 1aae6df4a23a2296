"""Requests of one user, as quotas see them from their start to their end."""

import itertools

from llmwrap.auth.principal import Principal
from llmwrap.canonical.events import Usage
from llmwrap.exchange import Attempt, Exchange

ALICE = Principal("usr_alice", "api_key", groups=frozenset({"user"}))
BODY = b'{"max_tokens": 90, "prompt": "................."}'
"""12 tokens by its length, and an answer of 90 at most."""

_numbers = itertools.count()


def exchange(address="10.0.0.1"):
    path = "/v1/chat/completions"
    return Exchange(f"req_{next(_numbers)}", "", "POST", path, address, 0.0)


def admits(quotas, principal=ALICE, times=1, address="10.0.0.1"):
    """How many of so many requests go on."""
    answers = [
        quotas.admit(principal, exchange(address), None).admitted for _ in range(times)
    ]
    return sum(answers)


def admit(quotas, body=BODY, principal=ALICE):
    """An exchange that goes on, or the error that it ends with."""
    one = exchange()
    admission = quotas.admit(principal, one, body)
    return one if admission.admitted else admission.refusal()


def finish(quotas, one, usage=None, *, attempts=1, error=None, outcome=None):
    one.attempts = [Attempt("u", 0.0) for _ in range(attempts)]
    one.usage = Usage(*usage) if usage else None
    if error:
        one.fail(error)
    one.outcome = outcome or one.outcome
    quotas.settle(one)
