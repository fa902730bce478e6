"""The family of commands about refunds."""
