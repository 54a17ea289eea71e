"""What the command prints, and where."""

from rich.console import Console

INTERRUPTED = 130

console = Console()


def say(line: str) -> None:
    """Print a line as it is."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def complain(line: str) -> None:
    """Print a line about a failure on stderr."""
    Console(stderr=True).print(line, style="red", markup=False, highlight=False, soft_wrap=True)
