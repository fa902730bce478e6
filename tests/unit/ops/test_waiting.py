import pytest

from ops.waiting import wait_until


def test_waiting_gives_the_first_answer_that_counts_as_true() -> None:
    answers = iter([None, 0, "", "there", "too late"])
    assert wait_until(lambda: next(answers), 10, "an answer") == "there"


def test_waiting_in_vain_ends_by_naming_what_was_awaited() -> None:
    with pytest.raises(TimeoutError, match="the train: not within 0 seconds"):
        wait_until(lambda: None, 0, "the train")
