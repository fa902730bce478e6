"""The whole shop in one process, where a seed decides everything that happens and everything that goes wrong.

- `ports/` are what AWS, a payment gateway and a mail system promise, in memory, each by itself and with a clock given.
- `faults.py` lets every call at a port fail, be lost, be the last, or let others go first; `tasks.py` interleaves the
  functions that run at once, and `choices.py` records what the seed decides, 0 being the plainest.
- `shop.py` deploys the real decisions and the real runtime over them; `history.py` is what people do, and the healing.
- `invariants.py` and `implied.py` say what must be true once all is quiet; `shrink.py` makes a failing history short.
- `mutations.py` are deliberate faults of the code, each of which must be found.

`make simulate` runs many histories; `make simulate SEED=…` plays one and tells what happens in it.
"""
