"""Chaos: a deployed shop under a steady load, to which one fault after the other happens.

`plan` decides from a seed and a duration which fault happens when, `faults` causes and mends each by the commands and
APIs that operators use, `chaos` runs the plan and waits after each fault until the shop has caught up, and `report`
says what happened. The load and the evidence are those of the soak test (`tests/soak`).
"""
