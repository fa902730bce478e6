"""The shop's CDK app: `cdk deploy --all -c stage=dev`."""

from aws_cdk import App

from infra.build import build
from infra.shop import shop
from infra.stages import STAGES

app = App()
# The default must not be `local`: its stacks are made for an emulator and are less protected.
name = app.node.try_get_context("stage") or "dev"
if name not in STAGES:
    raise SystemExit(f"There is no stage {name!r}; choose one of {', '.join(STAGES)} with -c stage=...")
build(app, shop(STAGES[name]))
app.synth()
