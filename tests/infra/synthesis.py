"""Synthesizes a stage as the CDK's command line does, and reads what came of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App

from infra.application import build
from infra.services import ROOT, discover
from infra.stages import STAGES

Json = dict[str, Any]

SHARED = {"alarms", "bus", "api", "monitoring"}
"""The stacks that are no service's."""

CONTEXT: Json = json.loads((ROOT / "cdk.json").read_text())["context"]


@dataclass(frozen=True)
class Resource:
    """A resource of a template; `stack` is the service's name, or `bus` or `api`."""

    stack: str
    id: str
    type: str
    body: Json

    @property
    def properties(self) -> Json:
        return dict(self.body.get("Properties", {}))


@dataclass(frozen=True)
class Synthesis:
    """A stage's cloud assembly."""

    stage: str
    folder: Path

    @property
    def files(self) -> dict[str, Path]:
        """The templates' files, by the stacks' short names."""
        prefix, suffix = f"tidings-{self.stage}-", ".template.json"
        return {
            path.name.removeprefix(prefix).removesuffix(suffix): path for path in self.folder.glob(f"{prefix}*{suffix}")
        }

    @property
    def templates(self) -> dict[str, Json]:
        return {stack: json.loads(path.read_text()) for stack, path in self.files.items()}

    def resources(self, *types: str) -> list[Resource]:
        """All resources of these types, in all stacks."""
        return [
            Resource(stack, name, body["Type"], body)
            for stack, template in self.templates.items()
            for name, body in template["Resources"].items()
            if body["Type"] in types
        ]

    def only(self, stack: str, kind: str, **properties: Any) -> Resource:
        """The one resource of a stack that has this type and these properties."""
        found = [
            resource
            for resource in self.resources(kind)
            if resource.stack == stack and properties.items() <= resource.properties.items()
        ]
        assert len(found) == 1, (stack, kind, properties, [resource.id for resource in found])
        return found[0]

    def asset(self, resource: Resource) -> Path:
        """The folder that a function's or a layer's code comes from."""
        content = resource.properties.get("Code") or resource.properties["Content"]
        return self.folder / f"asset.{content['S3Key'].removesuffix('.zip')}"

    def allowed(self) -> Iterator[tuple[Resource, str, Any]]:
        """Every action on every resource that a role's policies allow, with the policy."""
        for policy in self.resources("AWS::IAM::Policy"):
            for statement in policy.properties["PolicyDocument"]["Statement"]:
                for action in as_list(statement["Action"]):
                    for resource in as_list(statement["Resource"]):
                        yield policy, action, resource


def as_list(value: Any) -> list[Any]:
    """What a policy may say as one thing or as several."""
    return value if isinstance(value, list) else [value]


def synthesize(stage: str, folder: Path) -> Synthesis:
    """Synthesizes in this process; cdk-nag's findings are an error."""
    app = App(context=CONTEXT, outdir=str(folder), analytics_reporting=False)
    build(app, STAGES[stage], discover())
    app.synth()
    return Synthesis(stage, folder)
