"""The Lambda function on inventory's queue: what a batch's orders ask of the same product is asked together."""

from concurrent.futures import ThreadPoolExecutor

from functions.inventory.service import service
from tidings import aws
from tidings.batch_reactor import BatchReactor
from tidings.consumer import contracted

_batch = BatchReactor(aws.reactor(service), ThreadPoolExecutor(aws.WORKERS))

handler = aws.consumer(service, contracted(service.reactions), _batch.open_order, _batch.prepare)
