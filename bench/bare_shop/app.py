"""The CDK app of the bare topology: the shop's stacks, with other names and with bare handlers."""

from dataclasses import replace
from pathlib import Path

from aws_cdk import App
from aws_cdk import aws_lambda as lambda_

from infra.build import build
from infra.shop import SETTINGS, shop
from infra.stages import STAGES

STAGE = replace(STAGES["local"], name="bare")
"""The stage `local` under another name."""

SHOP_SETTINGS = replace(SETTINGS["local"], sender="orders@bare.example")
"""The shop's settings of the stage `local`. An identity of SES can exist only once."""

HANDLERS = Path(__file__).with_name("handlers.py")

BARE = {"serve": "index.api", "consume": "index.consumer", "relay": "index.relay"}
"""The bare handler that replaces each module's handler."""


def bare(app: App) -> None:
    """Add the shop's stacks to a CDK app, with bare handlers and with the same triggers and permissions."""
    build(app, shop(STAGE, SHOP_SETTINGS))
    source = HANDLERS.read_text()
    for construct in app.node.find_all():
        if isinstance(construct, lambda_.CfnFunction):
            module = str(construct.handler).split(".")[-2]
            if module in BARE:
                construct.handler = BARE[module]
                construct.code = lambda_.CfnFunction.CodeProperty(zip_file=source)
                construct.layers = None


if __name__ == "__main__":
    app = App()
    bare(app)
    app.synth()
