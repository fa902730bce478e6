"""Access to a stage: the addresses of its resources, and tokens for its API. Commands `outputs` and `token`."""
