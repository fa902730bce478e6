"""Retirement: removes a deployed service in order, so that nothing is lost. Command `retire`."""
