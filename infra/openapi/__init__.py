"""The OpenAPI document of an application's HTTP API, and the Lambda function that returns it."""
