"""The invariants of the shop at rest: one catalogue, judged by evidence from the simulation or from a deployed shop.

- `evidence.py` is what the catalogue needs to know. `tests/simulation/evidence.py` reads it from memory,
  `tests/soak/evidence.py` from a deployed shop's tables and API.
- `catalogue.py` contains the invariants by name. `implied.py` computes the state that events imply for a service.
"""
