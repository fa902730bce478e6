"""`make contracts`: writes `docs/contracts/` and `docs/privacy.md`, unless that would break a published contract."""

import sys

from infra.published_language.baseline import FOLDER, RELEASE, publish, schemas_in
from infra.shop import shop
from infra.stages import STAGES

ADVICE = """\
Nothing was written. Only add fields with a default, or raise `major`, keep the older version as a module beside the
contract, and declare an upcaster: see docs/guides/change-a-contract.md."""

if problems := publish(FOLDER, shop(STAGES["prod"]), schemas_in(RELEASE)):
    sys.exit("\n".join([*problems, ADVICE]))
