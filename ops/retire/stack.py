"""The stack of a service that is retired: its functions, its data, and its deletion."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from ops.errors import CommandError
from ops.local.versions import close_versions
from ops.stage import LOCAL, DeployedStage
from tidings.aws.recovery import reporting
from tidings.recovery import wait_until

TABLE = "AWS::DynamoDB::Table"
FUNCTION = "AWS::Lambda::Function"

EVENT_FUNCTIONS = ("-consumer", "-relay")
"""The ends of the names of the functions that finish what was begun. All others may begin something."""

DELETION_SECONDS = 45 * 60
"""Maximum time to wait for the deletion of a stack."""

POLL_SECONDS = 2

GONE = {"ResourceNotFoundException", "NoSuchBucket"}
"""The error codes of AWS for what does not exist any more."""


@dataclass(frozen=True)
class RetiredStack:
    """The stack of a service that is retired. Each method may be repeated.

    Attributes:
        stage: The stage.
        name: The stack's name.
        pause: Waits for a number of seconds.
    """

    stage: DeployedStage
    name: str
    pause: Callable[[float], None] = time.sleep

    @property
    def is_being_deleted(self) -> bool:
        """True if its deletion has begun, or has failed."""
        return self._status.startswith("DELETE")

    def close(self) -> None:
        """Refuse all invocations of the functions that may begin something: APIs, webhooks and jobs.

        Return when the longest invocation that had begun before must have ended.
        """
        client = self.stage.client("lambda")
        names = [name for name in self._names(FUNCTION) if not name.endswith(EVENT_FUNCTIONS)]
        timeouts = [0]
        if self.stage.name == LOCAL:
            close_versions(client, names)
        for name in names:
            with reporting(f"{name} cannot be closed"):
                client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
                timeouts.append(client.get_function_configuration(FunctionName=name)["Timeout"])
        self.pause(max(timeouts))

    def protect_tables(self) -> Sequence[str]:
        """Protect the tables from deletion, so that they outlast the stack. Return their names."""
        return self._protect(True)

    def delete_data(self) -> None:
        """Delete the tables, the secrets, the files and the logs."""
        self._protect(False)
        for kind, delete in self._deletions().items():
            for name in self._names(kind):
                with reporting(f"{name} cannot be deleted"):
                    self._delete_if_exists(delete, name)

    def delete(self) -> None:
        """Delete the stack, except for the tables that are protected from deletion, and wait for it.

        Raises:
            CommandError: If something else cannot be deleted.
        """
        identity = self._description["StackId"]
        with reporting(f"{self.name} cannot be deleted"):
            self._client.update_termination_protection(EnableTerminationProtection=False, StackName=identity)
            if self._status_of(identity) not in ("DELETE_IN_PROGRESS", "DELETE_FAILED"):
                self._client.delete_stack(StackName=identity)
            if self._wait(identity) == "DELETE_FAILED":
                self._client.delete_stack(StackName=identity, RetainResources=self._failed_tables(identity))
                if self._wait(identity, begun=True) == "DELETE_FAILED":
                    raise CommandError(f"{self.name} is not deleted; see its events in CloudFormation, and try again")

    def _failed_tables(self, identity: str) -> list[str]:
        """Return the logical ids of the tables that were not deleted.

        Raises:
            CommandError: If something else was not deleted.
        """
        failed = {
            resource["LogicalResourceId"]: resource["ResourceType"]
            for resource in self._resources_of(identity)
            if resource["ResourceStatus"] == "DELETE_FAILED"
        }
        if others := sorted(name for name, kind in failed.items() if kind != TABLE):
            raise CommandError(
                f"{self.name} is not deleted, because CloudFormation cannot delete {', '.join(others)}; its events "
                "name the reason. Correct it, and run the command again"
            )
        return sorted(failed)

    def _wait(self, identity: str, *, begun: bool = False) -> str:
        """Wait until the deletion has ended, and return the stack's status.

        Args:
            identity: The stack's id.
            begun: Whether an earlier deletion has failed, so that the status says so until the next one begins.
        """
        subject = f"the deletion of {self.name}"
        if begun:
            wait_until(lambda: self._status_of(identity) != "DELETE_FAILED", 60, subject, every=POLL_SECONDS / 20)
        return wait_until(
            lambda: status if (status := self._status_of(identity)) in ("DELETE_COMPLETE", "DELETE_FAILED") else None,
            DELETION_SECONDS,
            subject,
            every=POLL_SECONDS,
        )

    def _protect(self, protected: bool) -> Sequence[str]:
        client = self.stage.client("dynamodb")
        found = []
        for name in self._names(TABLE):
            with reporting(f"the protection of {name} cannot be changed"):
                try:
                    table = client.describe_table(TableName=name)["Table"]
                except client.exceptions.ResourceNotFoundException:
                    continue
                if table.get("DeletionProtectionEnabled", False) != protected:
                    client.update_table(TableName=name, DeletionProtectionEnabled=protected)
                    wait_until(partial(_is_active, client, name), 300, f"the table {name}")
                found.append(name)
        return found

    def _deletions(self) -> Mapping[str, Callable[[str], object]]:
        """Return how each kind of data is deleted, given its physical id."""
        dynamodb, secrets, logs = (self.stage.client(name) for name in ("dynamodb", "secretsmanager", "logs"))
        return {
            TABLE: lambda name: dynamodb.delete_table(TableName=name),
            "AWS::SecretsManager::Secret": lambda name: secrets.delete_secret(
                SecretId=name, ForceDeleteWithoutRecovery=True
            ),
            "AWS::S3::Bucket": lambda name: (
                self.stage.session.resource("s3", endpoint_url=self.stage.endpoint).Bucket(name).objects.delete()
            ),
            "AWS::Logs::LogGroup": lambda name: logs.delete_log_group(logGroupName=name),
        }

    def _delete_if_exists(self, delete: Callable[[str], object], name: str) -> None:
        try:
            delete(name)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise

    @cached_property
    def _client(self) -> Any:
        return self.stage.client("cloudformation")

    @cached_property
    def _description(self) -> Mapping[str, Any]:
        with reporting(f"the stack {self.name} cannot be read"):
            return dict(self._client.describe_stacks(StackName=self.name)["Stacks"][0])

    @property
    def _status(self) -> str:
        return str(self._description["StackStatus"])

    def _status_of(self, identity: str) -> str:
        """Return the stack's status. A deleted stack is still found by its id."""
        return str(self._client.describe_stacks(StackName=identity)["Stacks"][0]["StackStatus"])

    def _names(self, kind: str) -> list[str]:
        """Return the physical ids of the stack's resources of a kind."""
        with reporting(f"the stack {self.name} cannot be read"):
            found = self._resources_of(self.name)
        return [each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind]

    def _resources_of(self, identity: str) -> list[Mapping[str, Any]]:
        pages = self._client.get_paginator("list_stack_resources").paginate(StackName=identity)
        return [resource for page in pages for resource in page["StackResourceSummaries"]]


def _is_active(client: Any, table: str) -> bool:
    return bool(client.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE")
