"""The shop's CDK app: `cdk deploy --all -c stage=dev`."""

from dataclasses import replace

from aws_cdk import App

from infra.build import build
from infra.release.structure import read_release, refused_changes, structure_of
from infra.shop import SETTINGS, placeholders, shop
from infra.stages import STAGES

app = App()
# The default must not be `local`: its stacks are made for an emulator and are less protected.
name = app.node.try_get_context("stage") or "dev"
if name not in STAGES:
    raise SystemExit(f"There is no stage {name!r}; choose one of {', '.join(STAGES)} with -c stage=...")
stage = STAGES[name]
if app.node.try_get_context("first") == "yes":
    stage = replace(stage, protected=False)
application = shop(stage)
problems = [*placeholders(name, SETTINGS[name]), *refused_changes(read_release(), structure_of(application))]
if problems and not stage.emulated:
    raise SystemExit("\n".join(problems))
build(app, application)
app.synth()
