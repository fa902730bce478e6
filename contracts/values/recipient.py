"""The people of an order, as personal data."""

from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.address import Address
from contracts.values.text import Email
from tidings.core.personal import Personal


class Destination(Personal, frozen=True):
    """The destination of an order's goods."""

    erased_by = PersonalDataErased

    address: Address

    def check(self) -> None:
        """Refuse an address whose lines are not plain."""
        self.address.check("address")


class Recipient(Destination, frozen=True):
    """The recipient of an order's goods and e-mails."""

    email: Email
