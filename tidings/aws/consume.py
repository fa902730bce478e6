"""The Lambda function on the queue of a service that needs no adapters besides the library's.

`SERVICE_MODULE` names the module with the service's declaration, `service`.
"""

import os
from importlib import import_module

from tidings.aws.lambdas import consumer

handler = consumer(import_module(os.environ["SERVICE_MODULE"]).service)
