from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest

from functions.payment import gateways
from functions.payment.secret import MAX_AGE
from tests.gateway.keys import StubSecrets


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_secret_is_read_when_it_is_first_needed_and_then_remembered() -> None:
    secrets = StubSecrets("one")
    secret = secrets.secret()
    assert secrets.reads == 0
    assert [secret.value() for _ in range(3)] == ["one"] * 3
    assert secrets.reads == 1


def test_a_secret_that_has_been_replaced_is_seen_when_its_time_is_over() -> None:
    time, secrets = Time(), StubSecrets("one")
    secret = secrets.secret(clock=time)
    secret.value()
    secrets.value = "two"
    time.now += MAX_AGE - 1
    assert secret.value() == "one"
    time.now += 1
    assert secret.value() == "two"


def test_the_end_of_a_line_is_no_part_of_a_secret() -> None:
    assert StubSecrets("one\n").secret().value() == "one"


def test_a_refused_secret_is_replaced_at_once_where_there_is_a_new_one() -> None:
    secrets = StubSecrets("one", later=["two"])
    secret = secrets.secret()
    assert secret.other_than(secret.value()) == "two"
    assert secret.value() == "two"


def test_a_refused_secret_that_another_thread_has_replaced_is_not_read_again() -> None:
    secrets = StubSecrets("one", later=["two"])
    secret = secrets.secret()
    refused = secret.value()
    assert [secret.other_than(refused) for _ in range(2)] == ["two", "two"]
    assert secrets.reads == 2


def test_there_is_none_other_than_a_refused_secret_that_is_still_the_same() -> None:
    secret = StubSecrets("one").secret()
    assert secret.other_than(secret.value()) is None


class MeetingSecrets(StubSecrets):
    """Where two readings are under way at once, they meet."""

    def __init__(self) -> None:
        super().__init__("one")
        self.met = False
        self._both = Barrier(2)

    def get_secret_value(self, **_: str) -> dict[str, str]:
        with suppress(BrokenBarrierError):
            self._both.wait(0.1)
            self.met = True
        return super().get_secret_value()


def test_threads_that_need_a_secret_at_once_read_it_once() -> None:
    secrets = MeetingSecrets()
    secret = secrets.secret()
    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(lambda _: secret.value(), range(2))) == ["one", "one"]
    assert (secrets.reads, secrets.met) == (1, False)


def test_a_secret_does_not_show_itself() -> None:
    secret = StubSecrets("hush").secret()
    secret.value()
    assert "hush" not in repr(secret)


def test_a_gateway_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", "paypal")
    with pytest.raises(ValueError, match="there is no payment gateway 'paypal'"):
        gateways.chosen()
