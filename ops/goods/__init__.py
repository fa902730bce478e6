"""Products, their stock, and the shipments to pick. Commands `products …`, `stock …` and `shipments …`."""
