import json
import sys
import time
from typing import Any

import pytest

from tidings.core.strict_json import MAX_DEPTH, StrictJsonError, decode_strict


def refusal(text: str) -> str:
    with pytest.raises(StrictJsonError) as refused:
        decode_strict(text)
    return str(refused.value)


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -7, 2**70, 0.5, "", "żółć 🫖\u2028\x7f", [], [[], {}], {}, {"a": {"a": 1}, "b": [{"a": 1}]}],
    ids=repr,
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_value_is_decoded_as_it_was_encoded(value: Any, ascii_only: bool) -> None:
    assert decode_strict(f" {json.dumps(value, ensure_ascii=ascii_only)}\r\n") == value


@pytest.mark.parametrize(("text", "value"), [("2.0", 2), ("1e2", 100), ("-0.0", 0), ("12.50e1", 125), ("1E0", 1)])
def test_a_number_without_a_fraction_is_an_integer(text: str, value: int) -> None:
    number = decode_strict(text)
    assert number == value
    assert type(number) is int


@pytest.mark.parametrize("text", ["0.5", "2.000001", "1e-2"])
def test_a_number_with_a_fraction_is_a_float(text: str) -> None:
    assert decode_strict(text) == float(text)
    assert type(decode_strict(text)) is float


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 1}', '{"a": 1, "b": 2, "a": null}', '[{"b": {"a": 1, "\\u0061": 2}}]'],
)
def test_a_repeated_name_is_refused(text: str) -> None:
    assert refusal(text) == "the name 'a' appears twice in one object"


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_a_constant_that_is_no_json_is_refused(text: str) -> None:
    assert refusal(text).endswith("is not a JSON number")


@pytest.mark.parametrize("text", ["1e999", "-1e999", "1e999999999", f"1{'0' * 400}.5"])
def test_a_number_beyond_every_float_is_refused_at_once(text: str) -> None:
    begun = time.process_time()
    assert refusal(text).endswith("is too large")
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("text", ["9" * 309, "-" + "9" * 309, "9" * 5000, "1" + "0" * 308 + "0"])
def test_an_integer_that_no_float_represents_is_refused(text: str) -> None:
    assert refusal(text) == f"the number {text[:32]} is too large"


def test_the_largest_integer_that_a_float_represents_is_accepted() -> None:
    largest = int(sys.float_info.max)
    assert decode_strict(str(largest)) == largest
    assert decode_strict(str(-largest)) == -largest


def test_a_lone_surrogate_is_refused() -> None:
    texts = ['"\ud800"', '"\\ud800"', '{"\\uDFFF": 1}', '["\\udc00\\ud800"]', '"\\ud83e \\uded6"', '"\\ud83e\uded6"']
    for text in texts:
        assert refusal(text) == "the text contains a lone surrogate, which is no character"


@pytest.mark.parametrize(
    ("text", "value"), [('"\\ud83e\\uded6"', "🫖"), ('"\\\\ud800"', "\\ud800"), ('"\\ud7ff"', "\ud7ff")]
)
def test_an_escape_that_is_no_lone_surrogate_is_accepted(text: str, value: str) -> None:
    assert decode_strict(text) == value


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 20_000])
def test_deeply_nested_json_is_refused(opening: str, closing: str, depth: int) -> None:
    for text in (opening * depth + "0" + closing * depth, opening * (depth - 1) + "[]" + closing * (depth - 1)):
        assert refusal(text) == f"the JSON is nested more than {MAX_DEPTH} deep"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_json_is_nested_as_deep_as_allowed(opening: str, closing: str) -> None:
    text = opening * MAX_DEPTH + "0" + closing * MAX_DEPTH
    assert decode_strict(text) == json.loads(text)


def test_json_may_be_wide() -> None:
    assert decode_strict(f"[{','.join(['[{}]'] * 1000)}]") == [[{}]] * 1000


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[1,]", "{'a': 1}", "01", "1.", ".5", "+1", "1 2", '"\n"', "\ufeff1", "\xa01", "\u0661"],
)
def test_a_text_that_is_no_json_is_refused(text: str) -> None:
    assert refusal(text).startswith("the text is not JSON at character ")
