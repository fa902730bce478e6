import json
from types import new_class
from typing import Annotated, Any

import pytest
from msgspec import UNSET, Meta

from tests.unit.tidings.example import Answered, Asked
from tidings.core.contract import Contract, ContractRegistry, Upcaster
from tidings.core.errors import NewerReleaseError, PermanentError
from tidings.core.event import decode, encode
from tidings.core.personal import Personal
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


@pytest.mark.parametrize(
    "dataschema",
    [
        "",
        "urn:tidings:Asked:0",
        "urn:tidings:Asked:",
        "urn:tidings:Asked:02",
        "urn:tidings:Asked:x",
        "urn:tidings:Told:2",
    ],
)
def test_a_version_that_is_neither_known_nor_newer_is_unknown(dataschema: str) -> None:
    assert reason_of(body(dataschema=dataschema)) == "unknown-version"


@pytest.mark.parametrize("major", [2, 3, 10, 999_999_999])
def test_a_newer_major_version_waits_for_a_release_that_knows_it(major: int) -> None:
    event = decode(body(dataschema=f"urn:tidings:Asked:{major}", data={"questions": ["why?"]}))
    with pytest.raises(NewerReleaseError, match=f"Asked:{major} is not urn:tidings:Asked:1") as refusal:
        REGISTRY.decode(event)
    assert refusal.value.event is event


def test_a_newer_major_version_of_another_source_does_not_wait() -> None:
    event = make_event(Asked(), source="mail")
    assert reason_of(encode(event).replace("Asked:1", "Asked:2")) == "wrong-source"


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


# Upcasters


class Guest(Personal, frozen=True):
    name: str


class Couple(Personal, frozen=True):
    names: tuple[str, ...]


class First:
    class Seated(Contract, frozen=True, kw_only=True):
        """The first version: row and number in one text."""

        producer = "test"
        subject_pattern = "t-[0-9]+"
        personal = Guest

        seat: str


class Second:
    class Seated(Contract, frozen=True, kw_only=True):
        """The second version: row and number apart."""

        producer = "test"
        major = 2
        upcaster = Upcaster(First.Seated, lambda older: Second.Seated(row=older.seat[0], number=int(older.seat[1:])))
        personal = Guest

        row: str
        number: Annotated[int, Meta(le=99)]


class Third:
    class Seated(Contract, frozen=True, kw_only=True):
        """The third version: several numbers, and no personal data."""

        producer = "test"
        major = 3
        upcaster = Upcaster(Second.Seated, lambda older: Third.Seated(row=older.row, numbers=(older.number,)))

        row: str
        numbers: tuple[int, ...]


SEATED_1 = make_event(First.Seated(seat="F12"), subject="t-1", personal=Guest("Arthur"))


def test_an_event_of_an_older_version_is_read_as_one_of_the_contracts_version() -> None:
    event = ContractRegistry([Second.Seated]).decode(decode(encode(SEATED_1)))
    assert (event.data, event.dataschema) == (Second.Seated(row="F", number=12), "urn:tidings:Seated:2")
    assert (event.id, event.time, event.personal) == (SEATED_1.id, SEATED_1.time, SEATED_1.personal)


def test_upcasters_convert_one_after_another() -> None:
    registry = ContractRegistry([Third.Seated])
    for older in (First.Seated(seat="F12"), Second.Seated(row="F", number=12), Third.Seated(row="F", numbers=(12,))):
        event = registry.decode(decode(encode(make_event(older, subject="t-1"))))
        assert event.data == Third.Seated(row="F", numbers=(12,))


def test_personal_data_that_the_newer_version_does_not_declare_is_removed() -> None:
    assert ContractRegistry([Third.Seated]).decode(decode(encode(SEATED_1))).personal is UNSET


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (encode(make_event(First.Seated(seat="F12"), subject="t-1")).replace('"F12"', "12"), "breaks-contract"),
        (encode(make_event(First.Seated(seat="F"), subject="t-1")), "breaks-contract"),
        (encode(make_event(First.Seated(seat=""), subject="t-1")), "breaks-contract"),
        (encode(make_event(First.Seated(seat="F100"), subject="t-1")), "breaks-contract"),
        (encode(make_event(First.Seated(seat="F12"), subject="another")), "breaks-contract"),
        (encode(make_event(First.Seated(seat="F12"), subject="t-1", source="mail")), "wrong-source"),
        (encode(SEATED_1).replace("Seated:1", "Seated:0"), "unknown-version"),
    ],
    ids=[
        "older data",
        "not convertible",
        "failing upcaster",
        "newer bounds",
        "older subject",
        "source",
        "no such version",
    ],
)
def test_an_event_that_breaks_its_own_version_or_the_newer_one_is_refused(text: str, reason: str) -> None:
    with pytest.raises(PermanentError) as refusal:
        ContractRegistry([Second.Seated]).decode(decode(text))
    assert (refusal.value.reason, refusal.value.event) == (reason, decode(text))


def test_without_an_upcaster_an_older_version_is_unknown() -> None:
    class Alone:
        class Seated(Contract, frozen=True, kw_only=True):
            producer = "test"
            major = 2

    with pytest.raises(PermanentError) as refusal:
        ContractRegistry([Alone.Seated]).decode(SEATED_1)
    assert refusal.value.reason == "unknown-version"


def test_the_versions_of_a_contract_are_the_newest_first() -> None:
    assert list(Third.Seated.versions()) == [Third.Seated, Second.Seated, First.Seated]


@pytest.mark.parametrize(
    "changes",
    [{"producer": "mail"}, {"major": 1}, {"major": 0}, {"personal": Couple}, {"name": "Stood"}],
    ids=["producer", "same major", "older major", "personal data", "name"],
)
def test_an_upcaster_from_another_contract_is_refused(changes: dict[str, Any]) -> None:
    members = {"producer": "test", "major": 2, "upcaster": Second.Seated.upcaster, **changes}
    name = members.pop("name", "Seated")
    with pytest.raises(TypeError, match=r"no older version|other personal data"):
        new_class(name, (Contract,), exec_body=lambda namespace: namespace.update(members))
