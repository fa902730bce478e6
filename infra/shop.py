"""The shop as an application: its folders, its texts, and its settings in each stage."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from infra.application import Application, Pages
from infra.discovery import ROOT, ServiceFolder, discover_contracts, discover_services
from infra.stages import Stage

SERVICES = ROOT / "functions"
CONTRACTS = ROOT / "contracts"

RESERVED_DOMAIN = re.compile(r"[@.](example|test|invalid|localhost|example\.(com|net|org))$", re.IGNORECASE)
"""The end of an address at a domain that nobody can own (RFC 2606, RFC 6761)."""

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
"""An address in ASCII without a name, as SES and SNS require."""

PUBLISHABLE_KEY = re.compile(r"pk_(live|test)_[A-Za-z0-9]+")
"""A publishable API key of Stripe (Stripe Docs, "API keys")."""

DOMAIN = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\Z")
"""A domain in lower case."""

CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:us-east-1:[0-9]{12}:certificate/[A-Za-z0-9-]+")
"""A certificate that CloudFront can use (Amazon CloudFront Developer Guide, "Requirements for using SSL/TLS
certificates")."""

ORIGIN = re.compile(r"https://[a-z0-9.-]+(:[0-9]{1,5})?|http://localhost(:[0-9]{1,5})?")
"""An origin (RFC 6454) that others cannot use: by HTTPS, or on the developer's own machine."""

STRIPES_SOURCES = {
    "script-src": ("https://js.stripe.com", "https://*.js.stripe.com"),
    "connect-src": ("https://api.stripe.com",),
    "frame-src": ("https://js.stripe.com", "https://*.js.stripe.com", "https://hooks.stripe.com"),
}
"""The sources of Stripe's script (Stripe Docs, "Integration security guide", Content Security Policy)."""


class TotalRange(NamedTuple):
    """The smallest and the largest total that a payment gateway takes, in a currency's minor units."""

    smallest: int
    largest: int


MAX_CHARGE = 99_999_999
"""The largest amount that Stripe charges: eight digits (Stripe Docs, "Minimum and maximum charge amounts")."""

CHARGES = {
    "EUR": TotalRange(50, MAX_CHARGE),
    "GBP": TotalRange(30, MAX_CHARGE),
    "JPY": TotalRange(50, MAX_CHARGE),
    "USD": TotalRange(50, MAX_CHARGE),
}
"""The shop's currencies with the amounts that Stripe charges (Stripe Docs, "Minimum and maximum charge amounts").

The simulated gateway takes the same, so that an order that works without Stripe works with it.
"""

SIMULATED_METHODS = (
    "pm_card_visa",
    "pm_card_error_once",
    "pm_card_declined",
    "pm_card_insufficient_funds",
    "pm_card_authentication_required",
    "pm_card_processing",
    "pm_card_authorization_expires",
    "pm_card_refund_pending",
    "pm_card_refund_fails",
    "pm_card_refund_returned",
    "pm_card_disputed",
)
"""The payment methods that the simulated gateway knows."""

STRIPES_METHODS = ("pm_*",)
"""The ids that Stripe gives to payment methods (Stripe API Reference, "The PaymentMethod object")."""


@dataclass(frozen=True, kw_only=True)
class ShopSettings:
    """The shop's own settings in one stage.

    Attributes:
        sender: The address that e-mails come from.
        gateway: The payment gateway. `simulated` moves no money; `stripe` does.
        payment_methods: The payment methods that the gateway takes. `*` stands for any characters.
        totals: The totals that the gateway takes, by currency. The shop sells in no other currency.
        publishable_key: The key by which Stripe's script in a browser knows the shop's account. It is public. The
            simulated gateway needs none.
        gateway_rate: Maximum number of calls a second to the payment gateway, of all functions together.
        mail_rate: Maximum number of e-mails a second, of all consumers together.
        mails_per_hour: Maximum number of e-mails about orders to one customer in an hour.
        product_cache: Number of seconds for which a product's price may be cached.
        pending_limit: Number of seconds after which a pending order expires.
        expired_per_hour: Number of orders after whose expiry within an hour the expiry job stops and waits for an
            operator; within the pending limit if that is longer. It must be more than the payments that customers leave
            unapproved in that time.
        retention_days: Number of days after an order's end at which its personal data is erased.
        erasure_interval: Number of seconds between two passes of an erasure over a person's orders. It is longer than
            indexes lag behind their tables, and than a token of a deleted account is valid.
        time_zone: The time zone of the days that sales are counted by, by its name in the IANA Time Zone Database.
        alarm_addresses: The e-mail addresses that are notified of alarms.
        domain: The pages' own domain; empty for the distribution's name at CloudFront.
        certificate: The ARN of the domain's certificate in AWS Certificate Manager, in us-east-1.
        origins: The origins, besides the pages', whose scripts may call the API from a browser: `https://a.example`.
    """

    sender: str
    gateway: str = "simulated"
    payment_methods: tuple[str, ...] = SIMULATED_METHODS
    totals: Mapping[str, TotalRange] = field(default_factory=CHARGES.copy)
    publishable_key: str = ""
    gateway_rate: int = 20
    mail_rate: int = 2
    mails_per_hour: int = 30
    product_cache: int = 60
    pending_limit: int = 15 * 60
    expired_per_hour: int = 50
    retention_days: int = 365
    erasure_interval: int = 65 * 60
    time_zone: str = "Europe/Berlin"
    alarm_addresses: tuple[str, ...] = ()
    domain: str = ""
    certificate: str = ""
    origins: tuple[str, ...] = ()


SETTINGS = {
    "local": ShopSettings(
        sender="orders@tidings.example",
        gateway_rate=1000,
        mail_rate=1000,
        # A load generator's customers order without a pause.
        mails_per_hour=2000,
        product_cache=1,
        pending_limit=10 * 60,
        expired_per_hour=20,
        erasure_interval=5,
        # A page of another origin that is developed with Vite (Vite, "Server Options", default port).
        origins=("http://localhost:5173",),
    ),
    "dev": ShopSettings(sender="orders@dev.tidings.example", alarm_addresses=("developers@tidings.example",)),
    "prod": ShopSettings(
        sender="orders@tidings.example",
        gateway="stripe",
        payment_methods=STRIPES_METHODS,
        # Stripe takes 100 calls a second, and 25 of each kind (Stripe Docs, "Rate limits"). An order needs two kinds.
        gateway_rate=50,
        # The account's quota at SES (Amazon SES Developer Guide, "Managing your Amazon SES sending limits").
        mail_rate=14,
        # Longer than an operator takes to repair an outage and to redrive its dead letters.
        pending_limit=60 * 60,
        # Customers may claim for two years that goods are faulty (Directive (EU) 2019/771, Article 10).
        retention_days=2 * 365,
        alarm_addresses=("operators@tidings.example",),
    ),
}
"""The settings by the stage's name."""


def placeholders(stage: str, settings: ShopSettings) -> Iterator[str]:
    """Iterate over the settings of a stage that an operator has not replaced by working ones.

    Args:
        stage: The stage's name.
        settings: The stage's settings.

    Returns:
        A sentence for each address that is none or at a reserved domain, one if nobody is notified of alarms, one for
        a domain, a certificate or an origin of the pages that cannot be used, and one if Stripe is the gateway and the
        publishable key is none. It names the setting.
    """
    if not settings.alarm_addresses:
        yield f"Nobody is notified of alarms: set alarm_addresses of the stage {stage!r} in infra/shop.py."
    addresses = [("sender", settings.sender), *(("alarm_addresses", each) for each in settings.alarm_addresses)]
    for setting, address in addresses:
        if not ADDRESS.fullmatch(address):
            yield f"{address!r} is no e-mail address: set {setting} of the stage {stage!r} in infra/shop.py to one."
        elif RESERVED_DOMAIN.search(address):
            yield (
                f"{address} is a placeholder, which receives no e-mail: set {setting} of the stage {stage!r} in "
                "infra/shop.py to an address that you own."
            )
    yield from _unusable_addresses(stage, settings)
    if settings.gateway == "stripe" and not PUBLISHABLE_KEY.fullmatch(settings.publishable_key):
        # The value is not repeated, because it may be a secret key that was mistaken for the publishable one.
        yield (
            "Customers cannot approve payments without a publishable key of Stripe: set publishable_key of the stage "
            f"{stage!r} in infra/shop.py to one, which begins with `pk_`."
        )


def _unusable_addresses(stage: str, settings: ShopSettings) -> Iterator[str]:
    """Iterate over what is wrong with the pages' domain and certificate, and with the origins."""
    where = f"of the stage {stage!r} in infra/shop.py"
    domain, certificate = settings.domain, settings.certificate
    if domain and not DOMAIN.fullmatch(domain):
        yield f"{domain!r} is no domain in lower case: set domain {where} to one, or to none."
    elif RESERVED_DOMAIN.search(f".{domain}"):
        yield f"{domain} is a placeholder: set domain {where} to a domain that you own, or to none."
    if certificate and not CERTIFICATE.fullmatch(certificate):
        yield f"CloudFront cannot use the certificate {certificate!r}: set certificate {where} to an ARN in us-east-1."
    if bool(domain) != bool(certificate):
        yield f"A domain needs a certificate, and a certificate a domain: set both domain and certificate {where}."
    for origin in settings.origins:
        if not ORIGIN.fullmatch(origin):
            yield (
                f"{origin!r} is no origin that may call the API: set origins {where} to origins like "
                "`https://shop.example`, without a path or `*`."
            )


def shop_services() -> tuple[ServiceFolder, ...]:
    """Return the shop's services by name."""
    return discover_services(SERVICES, CONTRACTS)


def shop(stage: Stage, settings: ShopSettings | None = None) -> Application:
    """Return the shop in a stage.

    Args:
        stage: The stage.
        settings: The shop's settings; those of the stage's name if omitted.
    """
    services = shop_services()
    settings = settings or SETTINGS[stage.name]
    return Application(
        title="Tidings",
        description="A shop that takes orders, charges for them, sends them, and tells its customers.",
        stage=stage,
        services=services,
        contracts=discover_contracts(CONTRACTS, services),
        highlights=("OrderPlaced", "OrderConfirmed", "OrderDispatched", "OrderCancelled"),
        alarm_addresses=settings.alarm_addresses,
        sender=settings.sender,
        pages=Pages(
            settings={
                "gateway": settings.gateway,
                "publishableKey": settings.publishable_key,
                "paymentMethods": settings.payment_methods,
            },
            sources=STRIPES_SOURCES if settings.gateway == "stripe" else {},
            domain=settings.domain,
            certificate=settings.certificate,
        ),
        origins=settings.origins,
        settings=settings,
    )
