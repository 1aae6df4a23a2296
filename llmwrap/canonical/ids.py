"""Ids for tool calls that came without one. No randomness: the same answer gives the same ids."""

import hashlib


def call_id(answer: str, choice: int, call: int) -> str:
    """The id of a call in a choice of `answer` (a unique id): nine letters and digits.

    Mistral's templates on vLLM refuse any other length when it comes back (2026-11).
    """
    told = f"{answer}/{choice}/{call}".encode()
    return hashlib.blake2b(told, digest_size=5).hexdigest()[:9]
