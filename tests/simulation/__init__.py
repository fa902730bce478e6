"""The whole shop in one process, where a seed decides what happens and which faults occur.

- `ports/` are AWS's queues, streams and topics, a payment gateway and a mail system in memory and in virtual time;
  the tables and the clock come from `tidings.testing`. The gateway has an outbox of webhooks.
- `faults.py` lets a call at a port fail, lose its answer, be its function's last, or let others go first. `tasks.py`
  interleaves functions. `random_source.py` records what the seed decides; 0 is always the plainest choice.
- `shop.py` deploys the real services over the ports, with the same wiring as Lambda. `people.py` is what customers,
  operators, banks and the staff at the gateway's dashboard do, and `history.py` chooses what happens next, and heals
  the shop at the end.
- `evidence.py` reads the result, which `tests/invariants` judges. `shrink.py` shortens a failing history.
- `mutations.py` are deliberate faults of the code, which the simulation must find.

`make simulate` plays many histories. `make simulate SEED=…` plays one and shows its trace.
"""
