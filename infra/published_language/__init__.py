"""The published language: the contracts of all events, as `docs/contracts/` documents them."""
