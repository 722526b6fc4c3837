"""How often somebody may try to log in: by name and by address, each with a wait that doubles, in bounded memory."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

KEPT = 10_000
"""Names (and addresses) remembered; those that tried longest ago are forgotten first."""


@dataclass(frozen=True)
class Allowance:
    """How many tries are free, and how long the wait after them grows, in seconds."""

    free: int
    longest: float


BY_NAME = Allowance(5, 300.0)
BY_ADDRESS = Allowance(20, 60.0)


class Attempts:
    """Counts tries that failed; a try counts as failed until it is told to have succeeded, so none slip in beside it.

    Args:
        allowance: what is free.
        clock: seconds that never go back.
    """

    def __init__(self, allowance: Allowance, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowance = allowance
        self._clock = clock
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Return the seconds until the next try, 0 where it may be now."""
        return max(0.0, self._failed.get(key, (0, 0.0))[1] - self._clock())

    def count(self, key: str) -> None:
        """Note a try."""
        tries = self._failed.pop(key, (0, 0.0))[0] + 1
        over = tries - self._allowance.free
        delay = min(self._allowance.longest, 2.0 ** min(over, 30)) if over >= 0 else 0.0
        self._failed[key] = tries, self._clock() + delay
        while len(self._failed) > KEPT:
            self._failed.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the tries of somebody who came in."""
        self._failed.pop(key, None)

    def __len__(self) -> int:
        return len(self._failed)


def neighbourhood(address: str) -> str:
    """Return what counts as one address: of IPv6 the network a customer is given, /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
