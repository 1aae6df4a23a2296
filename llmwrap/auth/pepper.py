"""Secrets that llmwrap hands out: how they are made, and the hashes that are stored of them.

They are random enough to need no slow hash; the pepper makes a stolen table of hashes useless.
Pure: no database here.
"""

import hmac
import secrets

PREFIX = "sk_live_"
KEY_HEX = 48
CHECK_HEX = 8
"""The last digits of a key are a check on the others, which only this gateway can make."""

REFRESH_PREFIX = "rt_"
MAX_SECRET_CHARS = 512

_PEPPER = b"llmwrap pepper of stored secrets 1"


class Pepper:
    """Makes and hashes secrets under a key of its own, derived from the signing key.

    Another signing key makes every API key and refresh token that was given out worthless.
    """

    def __init__(self, signing_key: bytes) -> None:
        self._key = hmac.digest(signing_key, _PEPPER, "sha256")

    def new_key(self) -> str:
        """A new API key: `sk_live_` and 48 hex digits, 160 bits of them random."""
        body = secrets.token_hex((KEY_HEX - CHECK_HEX) // 2)
        return f"{PREFIX}{body}{self._check(body)}"

    def new_refresh_token(self) -> str:
        """A new refresh token: `rt_` and 256 random bits; never to be taken for a JWT."""
        return f"{REFRESH_PREFIX}{secrets.token_hex(32)}"

    def hash(self, secret: str) -> str:
        """What is stored of a secret: HMAC-SHA-256 as hex digits."""
        return hmac.digest(self._key, b"hash " + _raw(secret), "sha256").hex()

    def could_be_key(self, key: str) -> bool:
        """Whether it is worth looking up: a key in our own form must have the right check.

        So nobody makes the database work with guesses. Other forms are looked up too.
        """
        if not 0 < len(key) <= MAX_SECRET_CHARS:
            return False
        if not key.startswith(PREFIX):
            return True
        digits = key[len(PREFIX) :]
        body, check = digits[:-CHECK_HEX], digits[-CHECK_HEX:]
        return hmac.compare_digest(_raw(self._check(body)), _raw(check))

    def _check(self, body: str) -> str:
        digest = hmac.digest(self._key, b"check " + _raw(body), "sha256")
        return digest.hex()[:CHECK_HEX]


def looks_like_key(text: str) -> bool:
    """Whether `text` says itself that it is one of our API keys."""
    return text.startswith(PREFIX)


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
