import httpx
import pytest

from ops.orders import RefusedError, ShopClient


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (
            httpx.Response(
                422, json={"title": "Unknown SKU", "status": 422, "detail": "No x.", "field": "lines[0].sku"}
            ),
            "422 Unknown SKU: No x. [lines[0].sku]",
        ),
        (
            httpx.Response(
                422,
                json={
                    "title": "Unknown SKU",
                    "detail": "No x.",
                    "field": "lines[0].sku",
                    "errors": [
                        {"title": "Unknown SKU", "detail": "No x.", "field": "lines[0].sku"},
                        {"title": "Total too small", "detail": "Order more."},
                    ],
                },
            ),
            "422 Unknown SKU: No x. [lines[0].sku]; Total too small: Order more.",
        ),
        (
            httpx.Response(401, json={"message": "Unauthorized"}),
            "401 Unauthorized: the token has expired, is not one of this stage, or is a customer's instead of an "
            "operator's or the reverse; unset TIDINGS_TOKEN to sign in, or set it to what tidings token prints for "
            "this stage (with --operator, an operator's)",
        ),
        (httpx.Response(502, text="bad gateway"), "502 Bad Gateway: bad gateway"),
        (httpx.Response(503), "503 Service Unavailable: Service Unavailable"),
    ],
)
def test_the_error_about_a_refused_request_contains_the_apis_text(response: httpx.Response, text: str) -> None:
    assert str(RefusedError(response)) == text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("mug.v2", b"/operators/products/mug%2Ev2"),
        (".", b"/operators/products/%2E"),
        ("..", b"/operators/products/%2E%2E"),
        ("../orders", b"/operators/products/%2E%2E%2Forders"),
        ("mug?x=1#y", b"/operators/products/mug%3Fx%3D1%23y"),
        ("mug\n", b"/operators/products/mug%0A"),
    ],
)
def test_a_text_of_the_user_is_one_segment_of_the_path(monkeypatch: pytest.MonkeyPatch, text: str, path: bytes) -> None:
    sent: list[bytes] = []

    def send(_client: httpx.Client, request: httpx.Request, **_options: object) -> httpx.Response:
        sent.append(request.url.raw_path)
        return httpx.Response(200, json={}, request=request)

    monkeypatch.setattr(httpx.Client, "send", send)
    ShopClient("http://shop.example").put_product(text, {})
    assert sent == [path]
