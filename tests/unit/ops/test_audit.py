import json

import pytest

from ops.audit.report import MAX_SHOWN, MEANINGS, describe, describe_progress, lines, remedies, report
from ops.errors import CommandError
from ops.stage import ROOT
from tidings.recovery import AuditProgress, AuditScope, Difference

SCOPE = AuditScope("", "2026-02-01T00:00:00.000Z")
LOST = Difference("not-in-log", "desk", "desk/a/1")
PUBLISHED = Difference("not-in-log", "desk", "desk/a/1", repaired=True)
CONFLICT = Difference("conflicting-body", "desk", "desk/a/2", detail="the outbox and the log have different bodies")


def outcome(*differences: Difference, **uncompared: int) -> AuditProgress:
    found: dict[str, int] = {}
    repaired: dict[str, int] = {}
    for each in differences:
        found[each.kind] = found.get(each.kind, 0) + 1
        if each.repaired:
            repaired[each.kind] = repaired.get(each.kind, 0) + 1
    return AuditProgress(
        SCOPE,
        items=9,
        announced=1200,
        recorded=1,
        found=found,
        repaired=repaired,
        differences=differences,
        uncompared=uncompared,
    )


def test_the_progress_shows_the_part_and_the_number_of_compared_and_different_events() -> None:
    assert describe_progress("desk", outcome(LOST)) == "desk: 1,201 events compared, 1 differ"


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (LOST, "desk/a/1: the log lacks it (not-in-log)"),
        (PUBLISHED, "desk/a/1: the log lacks it (not-in-log); repaired"),
        (
            CONFLICT,
            "desk/a/2: the id has two bodies (conflicting-body); the outbox and the log have different bodies",
        ),
    ],
)
def test_a_difference_is_one_line(difference: Difference, text: str) -> None:
    assert describe(difference) == text


def test_the_last_lines_count_what_was_compared_and_what_was_not() -> None:
    found = list(lines(outcome(PUBLISHED, CONFLICT, retired=3, older=1)))
    assert found[2:] == [
        f"1,200 announced events and 1 recorded event before {SCOPE.until} compared: 2 differ, 1 repaired",
        "not compared: 4 recorded events of older, retired, whose outboxes were not read",
    ]


def test_the_text_lists_the_first_differences_and_counts_the_others() -> None:
    found = list(lines(outcome(*[LOST] * (MAX_SHOWN + 7))))
    assert found[MAX_SHOWN] == "and 7 more"
    assert len(found) == MAX_SHOWN + 2


@pytest.mark.parametrize("as_json", [True, False])
def test_a_difference_that_is_left_ends_the_command_with_an_error(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report(outcome(PUBLISHED), as_json=as_json)
    with pytest.raises(CommandError, match=r"^the outboxes and the event log differ in 1 event$"):
        report(outcome(PUBLISHED, CONFLICT), as_json=as_json)
    printed = capsys.readouterr().out
    assert printed.count("repaired") > 1
    if as_json:
        answer = json.loads(printed[printed.index("\n}\n") + 3 :])
        assert answer["found"] == {"not-in-log": 1, "conflicting-body": 1}
        assert answer["differences"][0]["event"] == "desk/a/1"


def test_a_note_says_for_each_kind_of_difference_what_to_do() -> None:
    lacking = Difference("not-in-outbox", "desk", "desk/a/3")
    notes = list(remedies(outcome(LOST, lacking, CONFLICT), lambda text: f"tidings {text}", repairing=False))
    assert [text.split()[0:2] for text in notes] == [["tidings", "audit"], ["An", "outbox"], ["An", "id"]]
    added = Difference("not-in-outbox", "desk", "desk/a/3", repaired=True)
    assert list(remedies(outcome(added), lambda text: text, repairing=True)) == []
    (note,) = remedies(outcome(PUBLISHED), lambda text: text, repairing=True)
    assert note.startswith("The log records the published events within moments.")
    assert list(remedies(outcome(), lambda text: text, repairing=True)) == []


def test_the_guide_has_a_row_for_each_kind_of_difference() -> None:
    guide = (ROOT / "docs" / "guides" / "audit.md").read_text()
    assert all(f"| `{kind}` |" in guide for kind in MEANINGS)
