"""The job that checks payments that wait: for an approval, the bank, a refund or a dispute."""
