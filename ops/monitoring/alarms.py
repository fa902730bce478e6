"""The active alarms of a stage."""

from ops.stage import DeployedStage
from tidings.aws.monitoring import Alarm, read_alarms


def active_alarms(stage: DeployedStage) -> list[Alarm]:
    """Return the stage's active alarms, latest first."""
    return [alarm for alarm in read_alarms(stage.client("cloudwatch"), stage.prefix) if alarm.state == "ALARM"]
