"""Monitoring: the alarms and the logs of a stage. Commands `alarms` and `logs`."""
