"""Write what the documentation tells of a search from the code: the tables of search.md, and search.schema.json.

python tools/search_docs.py [FOLDER]    of docs, or of a copy of it
"""

import json
import sys
from pathlib import Path

from foldline.training.search.capabilities import ENGINES, settings_table, table
from foldline.training.search.schema import schema

DOCS = Path(__file__).resolve().parent.parent / "docs"


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("| --- |", "|---|").replace(" --- |", "---|")


def write(folder: Path) -> None:
    """Write the tables and the schema to the documents in `folder`."""
    text = (folder / "search.md").read_text(encoding="utf-8")
    tables = {
        "features": markdown(["feature", *ENGINES], table()),
        "settings": markdown(["settings of", *ENGINES], settings_table()),
    }
    for name, content in tables.items():
        begin, end = f"<!-- written by tools/search_docs.py: {name} -->\n", "<!-- end -->"
        if text.count(begin) != 1:
            raise SystemExit(
                f"{folder / 'search.md'}: expected one place for the table {name}, found {text.count(begin)}"
            )
        before, after = text.split(begin)
        text = before + begin + content + after[after.index(end) :]
    (folder / "search.md").write_text(text, encoding="utf-8")
    (folder / "search.schema.json").write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else DOCS)
