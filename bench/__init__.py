"""What the shop costs and how fast it is, measured: `python -m bench` measures all, `python -m bench KEY …` some.

Every module here that has `KEYS` and `measure` is a group of figures: `measure` yields a `Figure` for each of its
`KEYS`. Adding a group touches no other file.
"""
