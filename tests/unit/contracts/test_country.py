"""The countries of ISO 3166-1, compared with those of the IANA Time Zone Database and of the Unicode CLDR."""

import importlib.resources

import msgspec
import pytest
from babel import Locale

from contracts.values.address import Address
from contracts.values.country import COUNTRIES

ADDRESS = {"name": "A. Customer", "street": "1 Harbour Street", "city": "Ghent", "postal_code": "9000"}

NOT_ASSIGNED = set("AC CP CQ DG EA EU EZ IC QO TA UN XA XB XK ZZ".split())  # noqa: SIM905 - as ISO prints codes
"""The codes that CLDR names too. ISO reserves them for exceptions or leaves them to private use."""


def test_the_countries_are_those_that_the_time_zone_database_copies_from_iso() -> None:
    table = (importlib.resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    lines = [line for line in table.splitlines() if line and not line.startswith("#")]
    assert {line.partition("\t")[0] for line in lines} == COUNTRIES
    assert len(COUNTRIES) == 249


def test_cldr_names_each_country_and_only_codes_besides_that_are_not_assigned() -> None:
    named = {code for code in map(str, Locale("en").territories) if len(code) == 2 and code.isalpha()}
    assert named - COUNTRIES == NOT_ASSIGNED
    assert named >= COUNTRIES


@pytest.mark.parametrize("country", sorted(COUNTRIES))
def test_an_address_in_each_country_can_be_decoded(country: str) -> None:
    assert msgspec.convert(ADDRESS | {"country": country}, Address).country == country


@pytest.mark.parametrize("country", ["AN", "UK", "be", "BEL", "B", "", "BE\n", *sorted(NOT_ASSIGNED)])
def test_an_address_in_no_country_is_refused(country: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.country"):
        msgspec.convert(ADDRESS | {"country": country}, Address)
