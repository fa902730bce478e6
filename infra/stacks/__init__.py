"""The stacks of an application: bus, API, alarms, monitoring, and one for each service."""
