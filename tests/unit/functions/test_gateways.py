import pytest

from functions.payment import gateways
from tidings.handling.pace import Pace


def test_a_gateway_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", "paypal")
    with pytest.raises(ValueError, match="there is no payment gateway 'paypal'"):
        gateways.chosen(Pace(1))
