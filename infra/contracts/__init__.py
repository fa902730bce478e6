"""The contracts as they are published in `docs/contracts/`: what the events say, and who announces and reads them."""
