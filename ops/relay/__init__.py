"""Republishing: publishes announced events again, for what a relay gave up. Command `relay`."""
