import json
from typing import Any

import pytest

from tests.unit.tidings.example import Answered, Asked
from tidings.core.contract import Contract, ContractRegistry
from tidings.core.errors import PermanentError
from tidings.core.event import decode, encode
from tidings.testing import SUBJECT, make_event


class Shelved(Contract, frozen=True, kw_only=True):
    """A contract whose subjects are a letter and a number."""

    producer = "test"
    subject_pattern = r"[a-z][0-9]+"


REGISTRY = ContractRegistry([Asked, Shelved])


def body(**changes: Any) -> str:
    return json.dumps(json.loads(encode(make_event(Asked()))) | changes)


def reason_of(text: str) -> str:
    with pytest.raises(PermanentError) as refusal:
        REGISTRY.decode(decode(text))
    assert refusal.value.event is not None
    return refusal.value.reason


def test_an_event_is_decoded_as_it_was_encoded() -> None:
    event = make_event(Asked(question="what?"), number=3, cause="desk/subject/1")
    assert REGISTRY.decode(decode(encode(event))) == event


@pytest.mark.parametrize("text", ["żółć 🫖 漢字", "\u2028\u2029", "\x7f", "‮right to left", "e\u0301", "\U0010ffff"])
def test_unusual_characters_come_through(text: str) -> None:
    event = make_event(Asked(question=text))
    assert REGISTRY.decode(decode(encode(event))).data == Asked(question=text)


def test_fields_that_a_contract_does_not_know_are_ignored() -> None:
    event = decode(body(data={"question": "when?", "tone": "sharp"}))
    assert REGISTRY.decode(event).data == Asked(question="when?")


def test_a_field_with_a_default_may_be_missing() -> None:
    assert REGISTRY.decode(decode(body(data={}))).data == Asked()


def test_an_event_that_has_no_handler_has_an_unknown_type() -> None:
    assert reason_of(encode(make_event(Answered(text="so")))) == "unknown-type"


def test_another_major_version_is_unknown() -> None:
    assert reason_of(body(dataschema="urn:tidings:Asked:2")) == "unknown-version"
    assert reason_of(body(dataschema="")) == "unknown-version"


def test_a_contract_names_its_major_version() -> None:
    class Improved(Contract, frozen=True, kw_only=True):
        producer = "test"
        major = 2

    assert Improved.schema() == "urn:tidings:Improved:2"


@pytest.mark.parametrize("data", [None, [], "text", {"question": 1}, {"question": None}])
def test_data_of_another_shape_breaks_the_contract(data: Any) -> None:
    assert reason_of(body(data=data)) == "breaks-contract"


def test_a_subject_of_the_contracts_pattern_is_accepted() -> None:
    event = make_event(Shelved(), subject="a12")
    assert REGISTRY.decode(decode(encode(event))) == event


@pytest.mark.parametrize("subject", [SUBJECT, "a", "a12x", "xa12", "A12", "a12/", "b/a12"])
def test_a_subject_of_another_pattern_breaks_the_contract(subject: str) -> None:
    assert reason_of(encode(make_event(Shelved(), subject=subject))) == "breaks-contract"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (body(data={"question": 1}), "Asked: question: This must be a text, not a whole number"),
        (
            encode(make_event(Shelved(), subject="A12")),
            "Shelved: subject: 'A12' does not have the form that the schema describes",
        ),
    ],
)
def test_a_refusal_names_the_wrong_field_and_shows_no_pattern(text: str, detail: str) -> None:
    with pytest.raises(PermanentError) as refusal:
        REGISTRY.decode(decode(text))
    assert str(refusal.value) == detail


def test_any_subject_that_is_not_a_reserved_key_matches_a_contract_without_a_pattern() -> None:
    event = make_event(Asked(), subject="any-subject/at:all#1")
    assert REGISTRY.decode(decode(encode(event))) == event


@pytest.mark.parametrize("source", ["mail", "answers", "test2"])
def test_an_event_of_another_source_than_its_contracts_producer_is_refused(source: str) -> None:
    assert reason_of(encode(make_event(Asked(), source=source))) == "wrong-source"


def test_a_number_without_a_fraction_is_an_integer_however_it_is_written() -> None:
    class Counted(Contract, frozen=True, kw_only=True):
        producer = "test"

        number: int

    registry, text = ContractRegistry([Counted]), encode(make_event(Counted(number=20)))
    for number in ("20.0", "2e1", "200e-1"):
        assert registry.decode(decode(text.replace("20}", f"{number}}}"))).data == Counted(number=20)
    for number in ("20.5", "true", '"20"', "null", "[20]"):
        with pytest.raises(PermanentError, match="must be a whole number"):
            registry.decode(decode(text.replace("20}", f"{number}}}")))
