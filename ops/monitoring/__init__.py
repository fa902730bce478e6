"""Monitoring: the alarms, the watch and the logs of a stage. Commands `alarms`, `watch` and `logs`."""
