"""Many customers at once, on a shop that is really deployed; and then, from outside and from its tables: is it true?

`plan` says what they will do, `crowd` does it, `killing` ends functions meanwhile, `evidence` gathers what came of it,
and `invariants` says what of it must not be.
"""
