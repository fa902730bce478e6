"""The record of the last release, with which tests and a synthesis compare the code."""
