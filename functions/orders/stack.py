"""What the stack of orders has more than others': how long it may remember the catalogue."""

from infra.service import ServiceStack


def extend(stack: ServiceStack) -> None:
    """Tells the API's function for how many seconds it may remember a product."""
    stack.functions["api"].add_environment("PRODUCT_CACHE_SECONDS", str(stack.stage.product_cache))
