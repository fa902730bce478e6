"""The local cloud: starting it, deploying the shop on it, and a demonstration. Commands `up`, `down` and `demo`."""

from ops.local.cloud import ACCOUNT, HOST, REGION, LocalCloud, Running, free_port, is_taken

__all__ = ["ACCOUNT", "HOST", "REGION", "LocalCloud", "Running", "free_port", "is_taken"]
