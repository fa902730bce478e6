"""Measurements of the shop's costs and speed. `python -m bench` takes all, `python -m bench KEY …` some.

A module with `KEYS` and `measure` is a group of figures: `measure` yields a `Figure` for each of its `KEYS`. `GROUPS`
in `bench.report` lists the groups.
"""
