"""Write docs/rules.schema.json, the JSON Schema of the rules of validate_data, from the code.

python tools/rules_schema.py [FOLDER]    of docs, or of a copy of it
"""

import json
import sys
from pathlib import Path

from foldline.data.validate_data.rules.document import schema

DOCS = Path(__file__).resolve().parent.parent / "docs"


def write(folder: Path) -> None:
    """Write the schema into `folder`."""
    (folder / "rules.schema.json").write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else DOCS)
