"""`make contracts`: writes `docs/contracts/` and `docs/privacy.md`, unless that would break a published contract."""

import sys

from infra.published_language.baseline import FOLDER, documents, publish
from infra.shop import shop
from infra.stages import STAGES

ADVICE = "Nothing was written. Raise `major` in each of these contracts, or only add fields with a default."

if problems := publish(FOLDER, documents(shop(STAGES["prod"]))):
    sys.exit("\n".join([*problems, ADVICE]))
