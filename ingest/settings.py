"""The configuration: environment variables, read once, checked, and named in every error."""

import os
import re
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from ingest.event import DEFAULT_ACCOUNT
from ingest.refusal import Refusal
from ingest.server_url import Database, RedisUrl

DEFAULT_SOURCE = "default"
BILLING_CYCLES = {"MONTHLY": "month", "YEARLY": "year"}

_SOURCE = re.compile(r"[a-z0-9][a-z0-9_]{0,62}")
_PRICE = re.compile(r"STRIPE_PRICE_(BASIC|PRO|ENTERPRISE)_(MONTHLY|YEARLY)")

Port = Annotated[int, Field(ge=0, le=65535)]
Bytes = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class InvalidSettings(Refusal):
    """The environment does not describe a hooklog: the message names each variable and the remedy."""


class Callback(BaseModel):
    """Where one of our clients is told what changed, and the secrets that sign it, several in a roll."""

    model_config = ConfigDict(frozen=True)

    url: str
    secrets: tuple[SecretStr, ...]


class Shop(BaseModel):
    """A WooCommerce shop: its REST API's address, key and secret, and what signs its webhooks.

    `origin` is where its checkout page stands, as browsers say it.
    """

    model_config = ConfigDict(frozen=True)

    url: str
    origin: str
    key: SecretStr
    secret: SecretStr
    webhook_secrets: tuple[SecretStr, ...]


class Settings(BaseModel):
    """Each field is the environment variable of the same name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hooklog_home: Path = Path(".hooklog")
    host: str = "127.0.0.1"
    port: Port = 8000
    dashboard_port: Port = 8001
    dashboard_users: SecretStr = SecretStr("")
    dashboard_secret: SecretStr | None = None
    dashboard_url: str | None = None
    dashboard_proxies: str = ""
    redis_url: RedisUrl | None = None
    redis_port: Port = 0
    rq_redis_url: RedisUrl | None = None
    database_url: Database | None = None
    analyst_database_url: Database | None = None
    database_port: Port = 0
    allow_undurable: bool = False
    wait_replicas: int = Field(0, ge=0)

    webhook_tolerance_seconds: int = Field(300, gt=0)
    webhook_timeout_seconds: Seconds = 5.0
    webhook_retry_attempts: int = Field(3, ge=1)

    log_prefix: str = Field("hooklog", pattern=r"^[A-Za-z0-9_.-]+$")
    log_partitions: int = Field(4, ge=1, le=256)
    log_max_bytes: Bytes | None = None
    dedupe_max_bytes: Bytes | None = None
    trim_margin: float = Field(300.0, ge=0)

    drain_workers: int = Field(1, ge=1, le=64)
    drain_batch: int = Field(2000, ge=1, le=10_000)
    sweep_interval_seconds: Seconds = 1.0
    shutdown_grace_seconds: Seconds = 10.0

    stripe_secret_key: SecretStr | None = None
    stripe_api_base: str | None = Field(None, pattern=r"^https?://")
    stripe_retry_hours: float = Field(24.0, gt=0)
    stripe_rate_limit: int | None = Field(None, ge=1)
    creator_workers: int = Field(2, ge=0, le=64)

    access_grace_days: int = Field(7, ge=0, le=365)

    mrr_past_due_days: int | None = Field(None, ge=0, le=3650)
    mrr_discounts: Literal["none", "forever", "lasting", "all"] = "lasting"
    mrr_trial: Literal["activation", "first_payment"] = "activation"
    mrr_churn_at: Literal["end", "request"] = "end"

    stripe_publishable_key: str | None = None
    api_keys: Mapping[str, tuple[SecretStr, ...]] = Field(default_factory=dict)

    webhook_secrets: Mapping[str, tuple[SecretStr, ...]] = Field(default_factory=dict)
    callbacks: Mapping[str, Callback] = Field(default_factory=dict)
    shops: Mapping[str, Shop] = Field(default_factory=dict)
    woocommerce_sweep_seconds: Seconds = 300.0
    accounts: Mapping[str, str] = Field(default_factory=dict)
    prices: Mapping[str, tuple[str, str]] = Field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read the environment (an empty variable counts as unset); raises InvalidSettings."""
        environment = os.environ if environment is None else environment
        given = {name: value for name, value in environment.items() if value.strip()}
        values: dict[str, Any] = {
            name: given[name.upper()] for name in cls.model_fields if name.upper() in given
        }
        if given.get("PORT") == "0":  # whoever takes any port takes any for all
            values.setdefault("dashboard_port", 0)
        values["api_keys"] = _api_keys(given.get("API_KEYS", ""))
        values["webhook_secrets"] = _secrets(given, "STRIPE_WEBHOOK_SECRET")
        values["callbacks"] = _callbacks(given)
        values["shops"] = _shops(given)
        values["accounts"] = _by_source(given, "STRIPE_ACCOUNT")
        values["prices"] = _prices(given)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
            raise InvalidSettings("\n".join(lines)) from None

    def account_of(self, source: str) -> str:
        """The Stripe account that a source's deliveries belong to."""
        return self.accounts.get(source, self.accounts.get(DEFAULT_SOURCE, DEFAULT_ACCOUNT))

    def callback_of(self, origin: str | None) -> Callback | None:
        """Where to tell what concerns an origin (null: made elsewhere); None where nobody wants to know."""
        return self.callbacks.get(label(origin or DEFAULT_SOURCE), self.callbacks.get(DEFAULT_SOURCE))

    @property
    def callback_origins(self) -> list[str] | None:
        """The labels of the origins that have a callback; None where every one has."""
        return None if DEFAULT_SOURCE in self.callbacks else list(self.callbacks)


def label(source: str) -> str:
    """A source as it is stored: /webhooks/my-shop, /webhooks/My_Shop and …_MY_SHOP are one."""
    return source.lower().replace("-", "_")


def _secrets(given: Mapping[str, str], variable: str) -> dict[str, tuple[str, ...]]:
    return {
        source: tuple(secret.strip() for secret in secrets.split(",") if secret.strip())
        for source, secrets in _by_source(given, variable).items()
    }


def _is_base64(text: str) -> bool:
    try:
        return bool(b64decode(text, validate=True))
    except ValueError:
        return False


def _callbacks(given: Mapping[str, str]) -> dict[str, Any]:
    secrets = _secrets(given, "CALLBACK_SECRET")
    callbacks = {}
    for source, url in _by_source(given, "CALLBACK_URL").items():
        signing = secrets.get(source, secrets.get(DEFAULT_SOURCE))
        if not signing or not url.startswith(("http://", "https://")):
            raise InvalidSettings(
                f"CALLBACK_URL for the source {source!r} must be http(s)://…, with a CALLBACK_SECRET_"
                f"{source.upper()} or a CALLBACK_SECRET that signs it"
            )
        if any(secret.startswith("whsec_") and not _is_base64(secret[6:]) for secret in signing):
            raise InvalidSettings(f"what follows whsec_ in a CALLBACK_SECRET of {source!r} must be base64")
        callbacks[source] = {"url": url, "secrets": signing}
    return callbacks


def _shops(given: Mapping[str, str]) -> dict[str, Any]:
    """Each source that has one of a shop's variables must have all. Raises InvalidSettings."""
    variables = {name: _by_source(given, f"WOOCOMMERCE_{name}") for name in ("URL", "KEY", "SECRET")}
    variables["WEBHOOK_SECRET"] = _by_source(given, "WOOCOMMERCE_WEBHOOK_SECRET")
    origins = _by_source(given, "WOOCOMMERCE_ORIGIN")
    shops = {}
    for source in sorted({source for by_source in (*variables.values(), origins) for source in by_source}):
        suffix = "" if source == DEFAULT_SOURCE else f"_{source.upper()}"
        if missing := [f"WOOCOMMERCE_{name}{suffix}" for name, its in variables.items() if source not in its]:
            raise InvalidSettings(f"{', '.join(missing)}: a shop needs each of its variables")
        url = urlsplit(variables["URL"][source].rstrip("/"))
        if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise InvalidSettings(
                f"WOOCOMMERCE_URL{suffix} must be https://…: WooCommerce takes a key over nothing else"
            )
        shops[source] = {
            "url": url.geturl(),
            "origin": origins.get(source, f"{url.scheme}://{url.netloc}").rstrip("/"),
            "key": variables["KEY"][source],
            "secret": variables["SECRET"][source],
            "webhook_secrets": _secrets(given, "WOOCOMMERCE_WEBHOOK_SECRET")[source],
        }
    return shops


def _api_keys(listed: str) -> dict[str, tuple[str, ...]]:
    """ "shop:…,platform:…": keys by source; one source may have several. Raises InvalidSettings."""
    keys: dict[str, tuple[str, ...]] = {}
    for pair in filter(None, (pair.strip() for pair in listed.split(","))):
        source, _, key = (part.strip() for part in pair.partition(":"))
        if not _SOURCE.fullmatch(label(source)) or not key.isascii() or not key:
            raise InvalidSettings('API_KEYS: write source:key, several separated by commas, as in "shop:…"')
        if any(key in others for other, others in keys.items() if other != label(source)):
            raise InvalidSettings("API_KEYS: one key stands for two sources: give each its own")
        keys[label(source)] = (*keys.get(label(source), ()), key)
    return keys


def _prices(given: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """What each price stands for. Raises InvalidSettings where two variables name one price."""
    found: dict[str, tuple[str, str]] = {}
    for name, price in given.items():
        if matched := _PRICE.fullmatch(name):
            plan = matched[1].lower(), BILLING_CYCLES[matched[2]]
            if found.setdefault(price, plan) != plan:
                raise InvalidSettings(
                    f"{name} names {price}, and so does another plan: a price is of one plan"
                )
    return found


def _by_source(given: Mapping[str, str], variable: str) -> dict[str, str]:
    """`variable` and `variable_<SOURCE>`, by the source's label. Raises InvalidSettings if two are of one."""
    names = {DEFAULT_SOURCE: variable} if variable in given else {}
    for name in given:
        source = label(name.removeprefix(f"{variable}_"))
        if not name.startswith(f"{variable}_") or not _SOURCE.fullmatch(source):
            continue
        if source in names:
            raise InvalidSettings(f"{names[source]} and {name} name one source: keep one of them")
        names[source] = name
    return {source: given[name] for source, name in names.items()}
