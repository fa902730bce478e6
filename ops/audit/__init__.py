"""The audit: compares the outboxes of the services with the event log. Command `audit`."""
