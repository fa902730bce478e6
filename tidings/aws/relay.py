"""The Lambda function on every table's stream. It knows the topic, and nothing of the service."""

from tidings.aws.lambdas import relay

handler = relay()
