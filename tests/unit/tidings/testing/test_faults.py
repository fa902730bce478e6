import pytest

from tidings.core.ports import TransactionConflictError
from tidings.testing import Faults, duplicate_request, fails, lost_answer, preceded_by, transaction_conflict


class CountedCall:
    """A call that returns how often it was made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


@pytest.fixture
def call() -> CountedCall:
    return CountedCall()


# The faults


def test_a_failure_makes_no_call(call: CountedCall) -> None:
    with pytest.raises(TimeoutError, match="no answer"):
        fails(TimeoutError("no answer"))(call)
    assert call.made == 0


def test_a_lost_answer_makes_the_call(call: CountedCall) -> None:
    with pytest.raises(TimeoutError):
        lost_answer(call)
    assert call.made == 1


def test_a_duplicate_request_makes_the_call_twice(call: CountedCall) -> None:
    assert duplicate_request(call) == 2


def test_a_transaction_conflict_makes_no_call(call: CountedCall) -> None:
    with pytest.raises(TransactionConflictError):
        transaction_conflict(call)
    assert call.made == 0


def test_a_call_can_be_preceded_by_another_writer(call: CountedCall) -> None:
    assert preceded_by(call)(call) == 2


# Their injection


def test_without_faults_calls_succeed(call: CountedCall) -> None:
    assert Faults().call(call) == 1


def test_each_of_the_next_calls_has_one_fault(call: CountedCall) -> None:
    faults = Faults()
    faults.next(duplicate_request, fails(TimeoutError()))
    assert faults.call(call) == 2
    with pytest.raises(TimeoutError):
        faults.call(call)
    assert faults.call(call) == 3


def test_a_fault_at_a_key_is_in_every_call_with_that_key(call: CountedCall) -> None:
    faults = Faults()
    faults.at("a", fails(TimeoutError()))
    assert faults.call(call, ["b"]) == 1
    for _ in range(2):
        with pytest.raises(TimeoutError):
            faults.call(call, ["b", "a"])


def test_a_fault_can_be_in_every_call_until_it_is_cleared(call: CountedCall) -> None:
    faults = Faults()
    faults.always(fails(TimeoutError()))
    faults.at("a", duplicate_request)
    with pytest.raises(TimeoutError):
        faults.call(call)
    assert faults.call(call, ["a"]) == 2
    faults.clear()
    assert faults.call(call) == 3
