"""The operator's side of Tidings: the local cloud, its deployment, and the `tidings` command."""
