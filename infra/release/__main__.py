"""`make record`: records in `infra/release/` what was deployed.

With a release's number it records a new release: its contracts, its stored formats, its queues and its indexes. Without
one it records only queues and indexes, which lets a refused change of them pass.
"""

import sys

from infra.published_language.baseline import RELEASE, broken, schemas_in, schemas_of, write_schemas
from infra.release.formats import (
    formats_of,
    read_formats,
    refused_formats,
    services_of,
    too_new,
    write_formats,
)
from infra.release.structure import structure_of, write_release
from infra.shop import shop
from infra.stages import STAGES

application = shop(STAGES["prod"])
services = services_of(application)
if release := "".join(sys.argv[1:]):
    last = read_formats()
    problems = [
        *too_new(release, last, services),
        *(refused_formats(last, services) if last else []),
        *broken(schemas_in(RELEASE), application.contracts),
    ]
    if problems:
        sys.exit("\n".join([*problems, "Nothing was recorded."]))
    write_schemas(RELEASE, {**schemas_in(RELEASE), **schemas_of(application.contracts)})
    write_formats(formats_of(release, services))
write_release(structure_of(application))
