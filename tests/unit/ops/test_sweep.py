import pytest

from ops.sweep import seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400)])
def test_a_time_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "m", "0s", "-1s", "1.5h", "1 h", "30min", "٣s"])
def test_anything_else_is_refused_so_that_no_slip_cancels_every_order(text: str) -> None:
    with pytest.raises(ValueError, match="no time like"):
        seconds_of(text)
