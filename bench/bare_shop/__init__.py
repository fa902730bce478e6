"""The shop's topology with bare handlers, to compare with: deployed from the same stacks, with other code."""
