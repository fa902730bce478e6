"""The ports of the shop in memory, as far as only a simulation needs them: queues and streams in virtual time."""
