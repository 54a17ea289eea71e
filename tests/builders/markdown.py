"""Tables in Markdown."""


def table(text: str, first: str) -> list[list[str]]:
    """Rows of the table whose first heading is `first`."""
    rows = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
        if line.startswith("|") and cells[0] == first:
            inside = True
        elif inside and not line.startswith("|"):
            break
        elif inside and set(line) - set("|-: "):
            rows.append(cells)
    return rows
