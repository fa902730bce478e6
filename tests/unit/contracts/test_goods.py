import msgspec
import pytest

from contracts.values.goods import Sku


@pytest.mark.parametrize("sku", ["tea", "T-1.b_2", "1" * 64])
def test_letters_digits_dots_underscores_and_hyphens_are_a_sku(sku: str) -> None:
    assert msgspec.convert(sku, Sku) == sku


@pytest.mark.parametrize("sku", ["", "-tea", "te a", "tea\n", "#stock#tea", "stock#tea", "1" * 65, "ž"])
def test_other_texts_are_no_sku(sku: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(sku, Sku)
