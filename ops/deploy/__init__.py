"""Deployment: deploys a stage on AWS in order, and replays what changed filters may have dropped. Command `deploy`."""
