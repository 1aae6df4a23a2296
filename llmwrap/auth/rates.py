"""Which rates hold for a caller, and under which names its requests are counted.

Plain values: nothing is counted here. The notation is that of the `limits` package (5.8).
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from limits import parse_many

from llmwrap.auth.principal import Principal
from llmwrap.settings.values import Limits


class Rate(NamedTuple):
    """So many in `span_s` seconds, and in words: `100 per minute`."""

    amount: int
    span_s: int
    words: str

    def shared(self, workers: int) -> "Rate":
        """One worker's part, where nobody knows what the others let through."""
        return self._replace(amount=-(-self.amount // workers) if self.amount else 0)


@lru_cache(maxsize=1024)
def read_rates(text: str) -> tuple[Rate, ...]:
    """The rates in `5/second; 100/hour`, the shortest span first; none in an empty text."""
    least: dict[int, Rate] = {}
    for item in parse_many(text) if text else ():
        unit = item.GRANULARITY.name
        per = unit if item.multiples == 1 else f"{item.multiples} {unit}s"
        rate = Rate(item.amount, item.get_expiry(), f"{item.amount} per {per}")
        known = least.setdefault(rate.span_s, rate)
        least[rate.span_s] = min(known, rate)
    return tuple(least[span_s] for span_s in sorted(least))


class RatesOfGroups:
    """The rates of the configuration; safe to share."""

    def __init__(self, limits: Limits) -> None:
        self._default = read_rates(limits.default)
        self._groups = {
            group: read_rates(text) for group, text in limits.groups.items()
        }

    def of(self, principal: Principal) -> tuple[Rate, ...]:
        """Those of the groups of `principal`, the most generous; else the default ones."""
        if not self._groups:
            return self._default
        found = [self._groups[name] for name in principal.groups_in(self._groups)]
        return max(found, key=_generosity, default=self._default)


def _generosity(rates: Iterable[Rate]) -> tuple[float, int]:
    """What lasts counts first, then what may come at once."""
    return (
        min(rate.amount / rate.span_s for rate in rates),
        min(rate.amount for rate in rates),
    )


def caller_of(principal: Principal, address: str) -> str:
    """Whose requests these are: the principal's, or of an address while nobody is known."""
    if principal.kind == "anonymous":
        return f"address:{network_of(address)}"
    return principal.id


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """An IPv4 address, or the /64 that an IPv6 address is in: one customer has all of it."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]  # a socket file has none
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), 64), strict=False).network_address)
