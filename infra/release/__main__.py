"""`make record`: writes the queues and indexes of a release that was deployed to `infra/release/release.json`."""

from infra.release.structure import structure_of, write_release
from infra.shop import shop
from infra.stages import STAGES

write_release(structure_of(shop(STAGES["prod"])))
