"""The page of the simulated gateway's bank, on which a customer approves a payment or declines it."""
