"""The Lambda function of the simulated bank's pages."""

from functions.payment.bank.server import serve
from functions.payment.gateways import simulated

handler = serve(simulated())
