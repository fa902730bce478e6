"""The pages: their configuration, their upload to a deployed stage, and a sign-in. Commands `tidings pages …`."""

from ops.pages.upload import BUILT, is_built, upload

__all__ = ["BUILT", "is_built", "upload"]
