"""The stacks of an application: bus, API, pages, users, alarms, monitoring, and one for each service."""
