"""The bare topology: the shop's own stacks with bare handlers, as the baseline of a comparison."""
