"""The shop's CDK app: `cdk deploy --all -c stage=dev`."""

import sys
from dataclasses import replace

from aws_cdk import App

from infra.build import build
from infra.published_language.baseline import RELEASE, schemas_in
from infra.release.contracts import changed_contracts
from infra.release.rollout import rollout_of
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
# The emulator's filters take effect at once, and its messages are test data.
changed = frozenset() if stage.emulated else changed_contracts(application.contracts, schemas_in(RELEASE))
rollout = rollout_of([folder.service for folder in application.services], changed)
problems = [
    *placeholders(name, SETTINGS[name]),
    *refused_changes(read_release(), structure_of(application)),
    *rollout.problems,
]
if problems and not stage.emulated:
    raise SystemExit("\n".join(problems))
for step in rollout.steps:
    sys.stderr.write(f"Deployed in sequence: {step}\n")
build(app, application, rollout.after)
app.synth()
