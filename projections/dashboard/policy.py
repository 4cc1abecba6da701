"""Who may come: the rules of access as the settings have them, refused where they would let anybody in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from ingest.settings import InvalidSettings, Settings
from projections.dashboard.keeping import kept_key
from projections.dashboard.passwords import NotAHash, PasswordHash

LEAST_SECRET = 32
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Policy:
    """`users` may log in by password; where there are none, a link of the terminal lets in.

    `origin` is the address that people use, as browsers say it, or None where it is not said.
    """

    loopback: bool
    users: Mapping[str, PasswordHash]
    origin: str | None
    proxies: tuple[IPv4Network | IPv6Network, ...]
    key: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """Raises InvalidSettings, above all for an address that others reach and that nobody guards."""
        check(settings)
        secret = settings.dashboard_secret
        return cls(
            loopback=_is_loopback(settings.host),
            users=_users(settings),
            origin=_origin(settings),
            proxies=_proxies(settings),
            key=secret.get_secret_value().encode() if secret else kept_key(settings.hooklog_home),
        )

    @property
    def secure(self) -> bool:
        """Whether cookies go over TLS alone."""
        return self.origin.startswith("https://") if self.origin else not self.loopback

    @cached_property
    def cookie(self) -> str:
        """The session cookie's name. __Host- keeps other hosts of the domain from setting it."""
        if self.secure:
            return "__Host-hooklog"
        # Cookies know no ports: two stacks on one machine must not log each other's people out.
        return f"hooklog-{blake2b(self.key, digest_size=4).hexdigest()}"

    def admits_host(self, host: str) -> bool:
        """Whether a request's Host header names us. A page elsewhere whose name was made to mean this machine
        (DNS rebinding) names itself there."""
        if self.origin and self._means_origin(host):
            return True
        if self.loopback:
            return _is_loopback(_host_of(f"//{host}"))
        return self.origin is None

    def _means_origin(self, host: str) -> bool:
        """Some proxies write the scheme's own port behind the name."""
        at = urlsplit(self.origin or "")
        return host.lower() in (at.netloc, f"{at.netloc}:{_PORTS[at.scheme]}")

    def is_ours(self, connection: HTTPConnection) -> bool:
        """Whether a request that could change something came from a page of ours."""
        origin = connection.headers.get("origin")
        if origin is None:
            return connection.headers.get("sec-fetch-site") == "same-origin"
        host = connection.headers.get("host", "").lower()
        if self.origin and self._means_origin(host):
            return origin == self.origin
        return origin in [f"{scheme}://{host}" for scheme in _PORTS]

    def address_of(self, connection: HTTPConnection) -> str:
        """Where a request came from: of what proxies that are trusted say, the last that is none of them."""
        address = connection.client.host if connection.client else ""
        if self.proxies:
            told = ",".join(connection.headers.getlist("x-forwarded-for")).split(",")
            while self._is_proxy(address) and told and (before := _without_port(told.pop().strip())):
                address = before
        return address

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in network for network in self.proxies)


def check(settings: Settings) -> None:
    """Raises InvalidSettings where a dashboard would be open to anybody, or is told what makes no sense."""
    users, _, _ = _users(settings), _origin(settings), _proxies(settings)
    if not users and not _is_loopback(settings.host):
        raise InvalidSettings(
            f"DASHBOARD_USERS must name who may log in, as HOST={settings.host} lets others reach the "
            "dashboard: make a hash with ./run dashboard hash and set DASHBOARD_USERS=name:hash, "
            "or set HOST=127.0.0.1"
        )
    secret = settings.dashboard_secret
    if secret and len(secret.get_secret_value()) < LEAST_SECRET:
        raise InvalidSettings(f"DASHBOARD_SECRET must have {LEAST_SECRET} characters at least")


def _users(settings: Settings) -> dict[str, PasswordHash]:
    users: dict[str, PasswordHash] = {}
    for pair in filter(
        None, (pair.strip() for pair in settings.dashboard_users.get_secret_value().split(","))
    ):
        name, _, kept = (part.strip() for part in pair.partition(":"))
        if not name or name in users:
            raise InvalidSettings(
                "DASHBOARD_USERS: write name:hash, several separated by commas, each name once"
            )
        try:
            users[name] = PasswordHash.read(kept)
        except NotAHash as error:
            raise InvalidSettings(
                f"DASHBOARD_USERS: the hash of {name} is none: {error}; make it with ./run dashboard hash"
            ) from None
    return users


def _origin(settings: Settings) -> str | None:
    if not settings.dashboard_url:
        return None
    at = urlsplit(settings.dashboard_url)
    if at.scheme not in _PORTS or not at.hostname or at.username or at.path.rstrip("/") or at.query:
        raise InvalidSettings("DASHBOARD_URL is the address that people use, as https://figures.example.com")
    port = f":{at.port}" if at.port and at.port != _PORTS[at.scheme] else ""
    host = f"[{at.hostname}]" if ":" in at.hostname else at.hostname
    return f"{at.scheme}://{host}{port}"


def _proxies(settings: Settings) -> tuple[IPv4Network | IPv6Network, ...]:
    named = filter(None, (each.strip() for each in settings.dashboard_proxies.split(",")))
    try:
        return tuple(ip_network(each) for each in named)
    except ValueError as error:
        raise InvalidSettings(f"DASHBOARD_PROXIES: {error}") from None


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # a bracket that nothing closes
        return ""


def _without_port(address: str) -> str:
    """Some proxies tell 192.0.2.1:50000 or [2001:db8::1]:50000; the port is another each time."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
