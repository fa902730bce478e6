"""The exports, erasures and retention of personal data, run by a schedule."""
