"""The Lambda function behind every table's stream: it knows the topic, and nothing of the service."""

from tidings import aws

handler = aws.relay()
