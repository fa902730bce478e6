"""The event source mappings, by which Lambda invokes consumers and relays. Command `resume`."""
