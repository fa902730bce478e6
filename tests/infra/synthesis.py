"""The synthesis of an application's stage, and the resources in its templates."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aws_cdk import App

from infra.build import build
from infra.discovery import ROOT
from infra.shop import SETTINGS, ShopSettings, shop
from infra.stages import STAGES

Json = dict[str, Any]

SHARED = {"alarms", "bus", "api", "web", "users", "monitoring"}
"""The stacks that belong to no service."""

PLACEHOLDER, OWNED = "tidings.example", "tidings.net"
"""The domain in the repository's settings, and the domain with which these tests replace it as an operator must."""

PUBLISHABLE_KEY = "pk_live_nobodys"
"""The key that an operator must add where Stripe is the gateway."""

CONTEXT: Json = json.loads((ROOT / "cdk.json").read_text())["context"]


@dataclass(frozen=True)
class Resource:
    """A resource of a template. `stack` is the last part of the stack's name."""

    stack: str
    id: str
    type: str
    body: Json

    @property
    def properties(self) -> Json:
        return dict(self.body.get("Properties", {}))


@dataclass(frozen=True)
class Synthesis:
    """The cloud assembly of an application's stage."""

    stage: str
    folder: Path
    application: str = "tidings"

    @property
    def files(self) -> dict[str, Path]:
        """The templates' files by the last part of the stacks' names."""
        prefix, suffix = f"{self.application}-{self.stage}-", ".template.json"
        return {
            path.name.removeprefix(prefix).removesuffix(suffix): path for path in self.folder.glob(f"{prefix}*{suffix}")
        }

    @property
    def templates(self) -> dict[str, Json]:
        return {stack: json.loads(path.read_text()) for stack, path in self.files.items()}

    def resources(self, *types: str) -> list[Resource]:
        """Return all resources of these types, in all stacks."""
        return [
            Resource(stack, name, body["Type"], body)
            for stack, template in self.templates.items()
            for name, body in template["Resources"].items()
            if body["Type"] in types
        ]

    def only(self, stack: str, kind: str, **properties: Any) -> Resource:
        """Return the only resource of a stack with this type and these properties."""
        found = [
            resource
            for resource in self.resources(kind)
            if resource.stack == stack and properties.items() <= resource.properties.items()
        ]
        assert len(found) == 1, (stack, kind, properties, [resource.id for resource in found])
        return found[0]

    def function(self, stack: str, role: str) -> Resource:
        """Return the function of a stack with this role."""
        name = f"{self.application}-{self.stage}-{stack}-{role}"
        return self.only(stack, "AWS::Lambda::Function", FunctionName=name)

    def alias(self, function: Resource) -> Resource:
        """Return the alias of a function."""
        return self.only(function.stack, "AWS::Lambda::Alias", FunctionName={"Ref": function.id})

    def mapping(self, stack: str, role: str) -> Resource:
        """Return the event source mapping of a function, which names its alias."""
        alias = self.alias(self.function(stack, role))
        mappings = self.resources("AWS::Lambda::EventSourceMapping")
        (found,) = [each for each in mappings if each.stack == stack and f'"{alias.id}"' in json.dumps(each.properties)]
        return found

    def mapped(self, mapping: Resource) -> str:
        """Return the name of the function whose alias an event source mapping names."""
        functions = (each for each in self.resources("AWS::Lambda::Function") if each.stack == mapping.stack)
        text = json.dumps(mapping.properties["FunctionName"])
        (name,) = [each.properties["FunctionName"] for each in functions if f'"{self.alias(each).id}"' in text]
        return str(name)

    def asset(self, resource: Resource) -> Path:
        """Return the folder with the code of a function or layer."""
        content = resource.properties.get("Code") or resource.properties["Content"]
        return self.folder / f"asset.{content['S3Key'].removesuffix('.zip')}"

    def allowed(self) -> Iterator[tuple[Resource, str, Any]]:
        """Iterate over every allowed action on every resource, each with its policy."""
        for policy in self.resources("AWS::IAM::Policy"):
            for statement in policy.properties["PolicyDocument"]["Statement"]:
                for action in as_list(statement["Action"]):
                    for resource in as_list(statement["Resource"]):
                        yield policy, action, resource


def as_list(value: Any) -> list[Any]:
    """Return a policy's value, which may be one thing or a list, as a list."""
    return value if isinstance(value, list) else [value]


def owned(settings: ShopSettings) -> ShopSettings:
    """Return settings with an operator's own addresses and, where Stripe is the gateway, publishable key."""
    addresses = tuple(address.replace(PLACEHOLDER, OWNED) for address in settings.alarm_addresses)
    return replace(
        settings,
        sender=settings.sender.replace(PLACEHOLDER, OWNED),
        alarm_addresses=addresses,
        publishable_key=PUBLISHABLE_KEY if settings.gateway == "stripe" else "",
    )


def synthesize(stage: str, folder: Path, **changes: Any) -> Synthesis:
    """Synthesize the shop in this process. A finding of cdk-nag is an error. `changes` replace values of the stage."""
    app = App(context=CONTEXT, outdir=str(folder), analytics_reporting=False)
    settings = SETTINGS[stage] if stage == "local" else owned(SETTINGS[stage])
    build(app, shop(replace(STAGES[stage], **changes), settings))
    app.synth()
    return Synthesis(stage, folder)
