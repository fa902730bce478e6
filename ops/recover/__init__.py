"""Recovery: brings a service's restored table to the present. Commands `close`, `recover` and `open`."""
