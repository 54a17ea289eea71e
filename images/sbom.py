"""Write what an image holds, its Debian and Python packages, as CycloneDX 1.6 (JSON) to standard output.

python sbom.py NAME VERSION DPKG_STATUS SITE_PACKAGES...
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

Component = dict[str, Any]
_LONGEST_NAME_OF_A_LICENCE = 64


def component(name: str, version: str, purl: str, licences: list[Component]) -> Component:
    """One package; `licences` may be empty, where it names none in a form that fits."""
    found = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return {**found, "licenses": licences} if licences else found


def debian_packages(status: str) -> Iterator[Component]:
    """Packages that `status`, the text of dpkg's own list, says are installed."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", paragraph, flags=re.MULTILINE))
        if fields.get("Status") == "install ok installed":
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{name}@{version.replace(':', '%3A')}?arch={fields['Architecture']}&distro=debian-13"
            yield component(name, version, purl, [])


def python_packages(folders: list[str]) -> Iterator[Component]:
    """Distributions installed in `folders`."""
    for found in distributions(path=folders):
        name = re.sub(r"[-_.]+", "-", found.name).lower()
        purl = f"pkg:pypi/{name}@{found.version.replace('+', '%2B')}"
        yield component(name, found.version, purl, licences_of(found))


def licences_of(distribution: Distribution) -> list[Component]:
    """The licences that a distribution's metadata names: an expression, else a short name, else its classifiers."""
    metadata = distribution.metadata
    if "License-Expression" in metadata:
        return [{"expression": metadata["License-Expression"]}]
    name = metadata.get_all("License", [""])[0]
    if name and "\n" not in name and len(name) <= _LONGEST_NAME_OF_A_LICENCE:
        return [{"license": {"name": name}}]
    classifiers = [text for text in metadata.get_all("Classifier", []) if text.startswith("License :: OSI")]
    return [{"license": {"name": text.rpartition(" :: ")[2]}} for text in classifiers]


def bill(name: str, version: str, packages: list[Component]) -> Component:
    """The whole document, packages in the order of their addresses."""
    system = {"type": "operating-system", "bom-ref": "debian-13", "name": "debian", "version": "13"}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "bom-ref": "image", "name": name, "version": version}},
        "components": [system, *sorted(packages, key=lambda package: str(package["purl"]))],
    }


def main() -> None:
    name, version, status, *folders = sys.argv[1:]
    packages = [*debian_packages(Path(status).read_text()), *python_packages(folders)]
    json.dump(bill(name, version, packages), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
