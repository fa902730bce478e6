"""The infrastructure: CDK stacks that are derived from what the services declare."""
