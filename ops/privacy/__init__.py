"""Personal data: exporting and erasing a customer's, and running those jobs. Commands `customer …` and `privacy …`."""

from ops.privacy.report import describe_job, next_steps

__all__ = ["describe_job", "next_steps"]
