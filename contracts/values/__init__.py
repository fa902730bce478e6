"""Value types that several contracts share."""
