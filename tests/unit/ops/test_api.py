import httpx
import pytest

from ops.api import Refusal


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (
            httpx.Response(
                422, json={"title": "Unknown SKU", "status": 422, "detail": "No x.", "field": "lines[0].sku"}
            ),
            "422 Unknown SKU: No x. [lines[0].sku]",
        ),
        (httpx.Response(401, json={"message": "Unauthorized"}), "401 Unauthorized: Unauthorized"),
        (httpx.Response(502, text="bad gateway"), "502 Bad Gateway: bad gateway"),
        (httpx.Response(503), "503 Service Unavailable: Service Unavailable"),
    ],
)
def test_a_refusal_tells_what_the_api_said(response: httpx.Response, told: str) -> None:
    assert str(Refusal(response)) == told
