"""The people who pay: made up, at addresses that do not exist."""

from random import Random
from typing import NamedTuple

FIRST = (
    "Ada",
    "Amira",
    "Ben",
    "Chloé",
    "Dora",
    "Emil",
    "Fatima",
    "Grace",
    "Hana",
    "Igor",
    "Jun",
    "Kofi",
    "Lena",
    "Mateo",
    "Nora",
    "Omar",
    "Petra",
    "Quentin",
    "Rosa",
    "Søren",
    "Tariq",
    "Uma",
    "Vera",
    "Yuki",
)
LAST = (
    "Abe",
    "Berg",
    "Costa",
    "Dubois",
    "Eriksen",
    "Fischer",
    "García",
    "Haddad",
    "Ito",
    "Jensen",
    "Khan",
    "Larsen",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Rossi",
    "Sato",
    "Tanaka",
    "Ueda",
    "Weber",
    "Young",
)
STREETS = ("Main Street", "High Street", "Rue de la Gare", "Lindenallee", "Calle Mayor", "Via Roma")


class Place(NamedTuple):
    """Where somebody lives, and what they pay in."""

    country: str
    city: str
    state: str | None
    postal_code: str
    currency: str


PLACES = (
    Place("US", "San Francisco", "CA", "94105", "usd"),
    Place("US", "Portland", "OR", "97205", "usd"),
    Place("US", "Austin", "TX", "78701", "usd"),
    Place("DE", "Berlin", None, "10115", "eur"),
    Place("FR", "Lyon", None, "69002", "eur"),
    Place("IT", "Torino", None, "10121", "eur"),
    Place("GB", "Leeds", None, "LS1 4AP", "gbp"),
    Place("JP", "Osaka", None, "530-0001", "jpy"),
    Place("IS", "Reykjavík", None, "101", "isk"),
    Place("KW", "Kuwait City", None, "13001", "kwd"),
)  # fmt: skip


class Person(NamedTuple):
    """Who pays."""

    name: str
    email: str
    phone: str
    line1: str
    place: Place

    @classmethod
    def meet(cls, random: Random, number: int) -> "Person":
        """Somebody new; `number` keeps the address of two with one name apart."""
        first, last = random.choice(FIRST), random.choice(LAST)
        return cls(
            name=f"{first} {last}",
            email=f"{first}.{last}{number}@example.com".lower(),
            phone=f"+1555{random.randrange(10**7):07d}",
            line1=f"{random.randrange(1, 200)} {random.choice(STREETS)}",
            place=random.choice(PLACES),
        )

    @property
    def address(self) -> dict[str, str | None]:
        """As Stripe shapes an address."""
        return {
            "city": self.place.city,
            "country": self.place.country,
            "line1": self.line1,
            "line2": None,
            "postal_code": self.place.postal_code,
            "state": self.place.state,
        }
