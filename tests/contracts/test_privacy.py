"""The page about personal data says what the declarations say."""

import re

import pytest

from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.payment.payment_captured import PaymentCaptured
from infra.application import Application
from infra.published_language.privacy import carrying, personal_types, privacy_page, readers, receivers
from tidings.core.contract import Contract
from tidings.core.strategy import Log


@pytest.fixture(scope="module")
def page(application: Application) -> str:
    return privacy_page(application)


def row_of(page: str, name: str) -> str:
    (row,) = re.findall(rf"^\| {re.escape(name)} \|.*$", page, re.MULTILINE)
    return str(row)


def test_each_type_of_personal_data_is_listed_with_all_its_fields(application: Application, page: str) -> None:
    assert {kind.__name__ for kind in personal_types(application)} == {"Destination", "Recipient"}
    row = row_of(page, "`Recipient`")
    assert "`address` (`name`, `street`, `city`, `postal_code`, `country`), `email`" in row
    assert row.endswith("| `PersonalDataErased` |")


@pytest.mark.parametrize(
    ("contract", "reading"), [(OrderPlaced, {"fraud", "notification"}), (OrderConfirmed, {"warehouse"})]
)
def test_an_event_names_those_who_receive_it_and_those_who_read_its_personal_data(
    application: Application, contract: type[Contract], reading: set[str]
) -> None:
    assert contract in carrying(application)
    assert {folder.name for folder in readers(application, contract)} == reading
    receiving = {folder.name for folder in receivers(application, contract)}
    assert reading < receiving
    assert {"history", "payment"} <= receiving


def test_an_event_without_personal_data_is_not_listed(application: Application, page: str) -> None:
    assert PaymentCaptured not in carrying(application)
    assert "PaymentCaptured" not in page


def test_each_service_that_keeps_personal_data_names_its_table(application: Application, page: str) -> None:
    for folder in application.services:
        if folder.service.keeps or isinstance(folder.service.strategy, Log):
            assert f"| `tidings-prod-{folder.name}` |" in row_of(page, folder.name)


@pytest.mark.parametrize("name", ["live", "payment"])
def test_a_service_that_only_receives_personal_data_names_its_queues_and_no_table(page: str, name: str) -> None:
    queues = ", ".join(f"`tidings-prod-{name}{suffix}`" for suffix in ("", "-dlq", "-undelivered"))
    assert row_of(page, name) == f"| {name} | nothing |  |  | {queues} |"


def test_each_stage_says_for_how_long_it_keeps_what(page: str) -> None:
    assert row_of(page, "backups of tables").endswith("| none | none | 35 days |")
    assert row_of(page, "personal data of an order, after its end").endswith("| 365 days | 365 days | 730 days |")
    assert row_of(page, "files of exports").endswith("| 7 days | 7 days | 7 days |")
    assert row_of(page, "messages in queues and dead-letter queues").endswith("| 14 days | 14 days | 14 days |")
