"""Write docs/features.schema.json, the JSON Schema of the feature specification, from the code.

python tools/features_schema.py [FOLDER]    of docs, or of a copy of it
"""

import json
import sys
from pathlib import Path

from foldline.features.schema import schema

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write(folder: Path) -> None:
    """Write the schema into `folder`."""
    (folder / "features.schema.json").write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else DOCS)
