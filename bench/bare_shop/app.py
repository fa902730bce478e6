"""The CDK app of the bare topology: the stacks of the shop's own app, under other names and with the bare handlers."""

from dataclasses import replace
from pathlib import Path

from aws_cdk import App
from aws_cdk import aws_lambda as lambda_

from infra.application import build
from infra.services import discover
from infra.stages import STAGES

STAGE = replace(STAGES["local"], name="bare", sender="orders@bare.example")
"""The stage `local` in all but its name, and what may be there only once."""

HANDLERS = Path(__file__).with_name("handlers.py")

BARE = {"serve": "index.api", "consume": "index.consumer", "relaying": "index.relay"}
"""The bare handler that takes the place of each module's."""


def bare(app: App) -> None:
    """Puts the stacks into the app, with bare handlers; what triggers them and what they may do is as in the shop."""
    build(app, STAGE, discover())
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
