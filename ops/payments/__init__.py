"""The payments of orders: showing, refunding, settling and checking them. Commands `payments …`."""

from ops.payments.table import describe_payment, describe_refund, refunds_table

__all__ = ["describe_payment", "describe_refund", "refunds_table"]
