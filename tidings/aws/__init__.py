"""The adapters on AWS, and the Lambda functions."""
