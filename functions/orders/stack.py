"""What the stack of orders has more than others': how long a function may hold on to the catalogue."""

from infra.service import ServiceStack


def extend(stack: ServiceStack) -> None:
    """Tells the API's function for how many seconds it may remember a product."""
    if "api" in stack.functions:
        stack.functions["api"].add_environment("PRODUCT_CACHE_SECONDS", str(stack.stage.product_cache))
