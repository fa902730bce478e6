"""The runtime that every Tidings service stands on, shipped to Lambda as one layer."""
