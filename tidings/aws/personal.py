"""The Lambda function by which a service tells of its entities of a person.

`SERVICE_MODULE` names the module with the service's declaration, `service`.
"""

import os
from importlib import import_module

from tidings.aws.lambdas import personal

handler = personal(import_module(os.environ["SERVICE_MODULE"]).service)
