"""The webhook by which Stripe reports what happened to payments, refunds and disputes."""
