"""The sales by day. Command `sales`."""

from ops.sales.table import sales_table

__all__ = ["sales_table"]
