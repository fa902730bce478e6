"""The CDK app: `cdk deploy --all -c stage=dev`."""

from aws_cdk import App

from infra.application import build
from infra.services import discover
from infra.stages import STAGES

app = App()
# Never `local` by accident: its stacks, made for an emulator, are less guarded than the others'.
name = app.node.try_get_context("stage") or "dev"
if name not in STAGES:
    raise SystemExit(f"There is no stage {name!r}; choose one of {', '.join(STAGES)} with -c stage=...")
build(app, STAGES[name], discover())
app.synth()
