import httpx
import pytest

from ops.orders import RefusedError


@pytest.mark.parametrize(
    ("response", "text"),
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
def test_the_error_about_a_refused_request_contains_the_apis_text(response: httpx.Response, text: str) -> None:
    assert str(RefusedError(response)) == text
