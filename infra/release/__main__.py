"""`make record`: writes the structure and the contracts of a release that was deployed, in `infra/release/`."""

from infra.release.contracts import digests_of, write_contracts
from infra.release.structure import structure_of, write_release
from infra.shop import shop
from infra.stages import STAGES

application = shop(STAGES["prod"])
write_release(structure_of(application))
write_contracts(digests_of(application))
