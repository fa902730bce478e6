import pytest

from tidings.recovery import wait_until


def test_polling_returns_the_first_true_value() -> None:
    values = iter([None, 0, "", "there", "too late"])
    assert wait_until(lambda: next(values), 10, "a value") == "there"


def test_polling_in_vain_names_its_subject() -> None:
    with pytest.raises(TimeoutError, match="the train: not within 0 seconds"):
        wait_until(lambda: None, 0, "the train")
