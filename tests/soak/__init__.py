"""The soak test: many customers at once on a deployed shop, then the invariants of `tests/invariants`.

`plan` decides from a seed what everyone does, `load` does it, `kills` ends functions meanwhile, `evidence` reads the
result from the API, the tables and the gateway, and `soak` runs it all.
"""
