"""`make contracts`: writes `docs/contracts/`, unless that would break a published contract."""

import sys

from infra.contracts.published import FOLDER, documents, publish
from infra.services import discover

REMEDY = "Nothing is written. Raise `major` in each of these contracts, or only add fields with a default."

if broken := publish(FOLDER, documents(discover())):
    sys.exit("\n".join([*broken, REMEDY]))
