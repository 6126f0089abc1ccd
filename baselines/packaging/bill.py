"""The bill of materials of an image (SBOM, CycloneDX 1.6): what a wheel or a package says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions, version
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from submissions.host import base_image

_SAID = ("License-Expression", "License")
_LISTED = "${binary:Package} ${Version} ${Architecture}\\n"


def bill_of(site: Path | None, base: str) -> str:
    """List the wheels of ``site`` and the Debian packages of the image ``base``, as JSON.

    A base without dpkg stands as one component, by its digest. Raises EngineUnavailable.
    """
    bill = Bom()
    bill.metadata.component = _of_sequestra()
    for component in (*_of_base(base), *_of_wheels(site)):
        bill.components.add(component)
        bill.register_dependency(bill.metadata.component, [component])
    listed = "\n".join(sorted(str(each.bom_ref) for each in bill.components))
    bill.serial_number = uuid5(NAMESPACE_URL, listed)  # the same contents have the same bill
    bill.metadata.timestamp = datetime(2000, 1, 1, tzinfo=UTC)
    return JsonV1Dot6(bill).output_as_string(indent=1) + "\n"


def _of_sequestra() -> Component:
    name, own = "sequestra", version("sequestra")
    url = PackageURL("pypi", name=name, version=own)
    return Component(
        type=ComponentType.APPLICATION, name=name, version=own, purl=url, bom_ref=f"{name}@{own}"
    )


def _of_wheels(site: Path | None) -> Iterator[Component]:
    wheels = () if site is None else distributions(path=[str(site)])
    for wheel in sorted(wheels, key=lambda each: each.name.lower()):
        url = PackageURL("pypi", name=wheel.name.lower(), version=wheel.version)
        yield Component(
            name=wheel.name,
            version=wheel.version,
            purl=url,
            bom_ref=url.to_string(),
            licenses=_licences(wheel),
        )


def _licences(wheel: Distribution) -> list[License]:
    fields = [wheel.metadata[name] for name in _SAID if name in wheel.metadata]
    first = "".join(fields[:1]).strip().splitlines()[:1]  # older wheels put the whole licence there
    return [LicenseFactory().make_from_string(first[0][:120])] if first else []


def _of_base(base: str) -> Iterator[Component]:
    """Debian packages as dpkg lists them, in the base image itself."""
    digest = base_image.image_id(base) or ""
    yield Component(
        type=ComponentType.CONTAINER, name=base, version=digest, bom_ref=f"image:{digest or base}"
    )
    listing = base_image.ask(base, "dpkg-query", "--show", f"--showformat={_LISTED}")
    if listing.returncode:
        return
    for line in sorted(listing.stdout.splitlines()):
        name, own, machine = line.split()
        name = name.partition(":")[0]
        url = PackageURL("deb", "debian", name, own, qualifiers={"arch": machine})
        yield Component(name=name, version=own, purl=url, bom_ref=url.to_string())
