"""The core: events, contracts, entities, decisions, services and ports. It performs no I/O."""
