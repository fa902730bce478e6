"""The fuzzing of the API: generated requests to a deployed shop, whose answers must be what the document says.

`fuzz` seeds the shop and runs schemathesis, which generates the requests and checks the answers. It loads `hooks`.
"""
