from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

from tests.gateway.keys import StubSecrets
from tidings.aws.secrets import MAX_AGE


def test_a_secret_is_read_when_it_is_first_needed_and_then_cached() -> None:
    secrets = StubSecrets("one")
    secret = secrets.secret()
    assert secrets.reads == 0
    assert [secret.value() for _ in range(3)] == ["one"] * 3
    assert secrets.reads == 1


def test_a_replaced_secret_is_read_when_the_cached_one_is_too_old() -> None:
    time, secrets = 1000.0, StubSecrets("one")
    secret = secrets.secret(clock=lambda: time)
    secret.value()
    secrets.value = "two"
    time += MAX_AGE - 1
    assert secret.value() == "one"
    time += 1
    assert secret.value() == "two"


def test_a_line_break_at_the_end_is_no_part_of_a_secret() -> None:
    assert StubSecrets("one\n").secret().value() == "one"


def test_a_refused_secret_is_replaced_at_once_if_there_is_a_new_one() -> None:
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


def test_a_refused_secret_that_was_not_replaced_has_no_alternative() -> None:
    secret = StubSecrets("one").secret()
    assert secret.other_than(secret.value()) is None


class MeetingSecrets(StubSecrets):
    """A stub in which two concurrent reads meet."""

    def __init__(self) -> None:
        super().__init__("one")
        self.met = False
        self._both = Barrier(2)

    def get_secret_value(self, **_: str) -> dict[str, str]:
        with suppress(BrokenBarrierError):
            self._both.wait(0.1)
            self.met = True
        return super().get_secret_value()


def test_threads_that_need_a_secret_at_the_same_time_read_it_once() -> None:
    secrets = MeetingSecrets()
    secret = secrets.secret()
    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(lambda _: secret.value(), range(2))) == ["one", "one"]
    assert (secrets.reads, secrets.met) == (1, False)


def test_a_secret_is_not_in_its_representation() -> None:
    secret = StubSecrets("hush").secret()
    secret.value()
    assert "hush" not in repr(secret)
