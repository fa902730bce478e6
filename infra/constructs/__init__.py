"""Constructs that every stack uses: functions, queues, tables and acknowledgements of cdk-nag."""
