"""The file `config.json`, by which one build of the pages serves every stage."""

from typing import Any

from ops.outputs import Outputs, PagesOutputs, Pool

API = "/v1"
"""The path of the API at the pages' own origin."""


def config_of(stage: str, outputs: Outputs, pages: PagesOutputs) -> dict[str, Any]:
    """Return the configuration of a stage's pages. All of it is public.

    Args:
        stage: The stage's name.
        outputs: The stage's resources.
        pages: The stage's pages.
    """
    return {
        **pages.settings,
        "stage": stage,
        "api": API,
        "live": outputs.live,
        "users": _people(outputs, outputs.users),
        "operators": _people(outputs, outputs.operators),
    }


def _people(outputs: Outputs, pool: Pool) -> dict[str, Any]:
    """Return what a page needs for the sign-in of a pool's users (OpenID Connect Discovery 1.0)."""
    # The issuer is AWS's on the local cloud too, but its metadata are at the local cloud.
    metadata = outputs.endpoint and f"{outputs.endpoint}/{pool.pool}/.well-known/openid-configuration"
    return {
        "authority": f"https://cognito-idp.{outputs.region}.amazonaws.com/{pool.pool}",
        "metadataUrl": metadata,
        "clientId": pool.client,
        "domain": pool.domain,
    }
