"""The Lambda function on analytics' queue."""

import os
from zoneinfo import ZoneInfo

from functions.analytics.service import service_in
from tidings.aws.lambdas import consumer

handler = consumer(service_in(ZoneInfo(os.environ["TIME_ZONE"])))
