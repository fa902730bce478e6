"""The command `tidings`, which operates the shop on the local cloud and on AWS: a folder for each command family."""
