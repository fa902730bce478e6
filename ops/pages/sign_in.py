"""The addresses of the pages, with a sign-in on the local cloud."""

from ops.outputs import Outputs, PagesOutputs
from ops.stage import DeployedStage
from ops.users import CUSTOMER, OPERATOR, sign_in_of


def describe_pages(stage: DeployedStage, outputs: Outputs, pages: PagesOutputs) -> str:
    """Return the pages' addresses; on the local cloud also an account for each page, which it creates.

    Args:
        stage: The stage.
        outputs: The stage's resources.
        pages: The stage's pages.
    """
    lines = []
    for title, address, user, pool in (
        ("The shop's page is", f"{pages.url}/", CUSTOMER, outputs.users),
        ("The operators' console is", pages.console, OPERATOR, outputs.operators),
    ):
        lines.append(f"{title} {address}")
        if stage.endpoint is not None:
            account = sign_in_of(stage, pool, user)
            lines.append(f"  sign in as {account.address} with the password {account.password}")
    return "\n".join(lines)
