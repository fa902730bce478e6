"""Reindexing: rewrites the attributes by which entities are in the indexes. Command `reindex`."""
