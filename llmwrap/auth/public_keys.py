"""The public keys of an identity provider: a JWK Set read into keys that verify (RFC 7517).

Which algorithms a key may be used with is decided here, by the key; a token only names one of
them. PyJWT 2.15 makes the keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
import orjson
from jwt.algorithms import AllowedPublicKeys

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_BY_TYPE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): _RSA,
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}
"""Key type and curve -> the algorithms that they are good for; others are not taken."""

ALGORITHMS = tuple(name for names in _BY_TYPE.values() for name in names)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key; `kid` is None where the provider gave it no name."""

    kid: str | None
    algorithms: frozenset[str]
    key: AllowedPublicKeys


class NoKeys(ValueError):
    """What was fetched holds no key that can be used."""


def read_jwks(body: bytes) -> tuple[PublicKey, ...]:
    """The keys for signatures in a JWK Set, without those that are not understood.

    Raises NoKeys when none is left: such a set is a mistake of its provider, not an order to
    refuse everybody.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NoKeys("the key set is not valid JSON") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise NoKeys('the key set has no list "keys"')
    read = (_read_key(entry) for entry in entries if isinstance(entry, dict))
    keys = tuple(key for key in read if key is not None)
    if not keys:
        raise NoKeys("the key set has no usable key for signatures")
    return keys


def only_key(
    keys: tuple[PublicKey, ...], kid: str | None, algorithm: str
) -> AllowedPublicKeys | None:
    """The one key that a token names; without a `kid`, the only one that fits.

    None when no key fits, or several do.
    """
    fitting = [
        key
        for key in keys
        if algorithm in key.algorithms and (kid is None or key.kid == kid)
    ]
    return fitting[0].key if len(fitting) == 1 else None


def _read_key(entry: Mapping[str, Any]) -> PublicKey | None:
    kid = entry.get("kid")
    algorithms = _algorithms(entry)
    # A key whose private part is public ("d") proves nothing.
    if not algorithms or "d" in entry or not isinstance(kid, str | None):
        return None
    try:
        key = jwt.PyJWK(dict(entry), algorithms[0]).key
    except (jwt.PyJWTError, TypeError, ValueError):
        return None
    return PublicKey(kid, frozenset(algorithms), key)


def _algorithms(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """What this key may verify: nothing if it is for encryption."""
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list):
        return ()
    kind, curve = entry.get("kty"), entry.get("crv", "")
    if "verify" not in operations or not isinstance(curve, str):
        return ()
    fitting = _BY_TYPE.get((str(kind), curve), ())
    told = entry.get("alg")
    return tuple(name for name in fitting if told in (None, name))
