"""An example of three releases: a desk takes tickets, and assignment gives each to an agent."""
