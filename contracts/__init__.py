"""The published language: the contracts of all events, a package per producing service.

A module holds one event, so that a service ships exactly the contracts that it imports.
"""
