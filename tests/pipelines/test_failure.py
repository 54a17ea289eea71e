"""The line of a log that says why a process failed."""

from pathlib import Path

import pytest

from foldline_pipelines.local import failure

STACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    Error: not this\n'


@pytest.mark.parametrize(
    ("log", "status", "message"),
    [
        (
            f"{STACK}foldline.errors.DataError: label: expected two classes, got one.\n",
            1,
            "label: expected two classes, got one.",
        ),
        (f"{STACK}KeyError: 'label'\n", 1, "KeyError: 'label'"),
        (f"{STACK}package.errors.OddError: a\nb\nc\n", 1, "OddError: a"),
        (f"{STACK}AssertionError\n", 1, "AssertionError"),
        (f"{STACK}KeyError: 1\n\nDuring handling, another:\n\n{STACK}ValueError: 2\nbye: Now\n", 1, "ValueError: 2"),
        ("    " + STACK.replace("\n", "\n    ") + "OSError: full\n", 1, "OSError: full"),
        ("all is well\nWarning: wait\nstop\n\n", 3, "exit status 3: stop"),
        ("", 1, "exit status 1: it printed nothing"),
        ("working\n", 137, "ended by SIGKILL; the machine may have run out of memory"),
        ("working\n", -11, "ended by SIGSEGV"),
        ("odd \xff\n", 2, "exit status 2: odd \xff"),
    ],
)
def test_the_message_of_a_log(log: str, status: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("earlier attempt\n" + log)
    assert failure.message(tmp_path / "log", len("earlier attempt\n"), status) == message


def test_an_earlier_attempt_is_not_blamed(tmp_path: Path) -> None:
    earlier = f"{STACK}KeyError: 'old'\n"
    (tmp_path / "log").write_text(earlier + "new\n")
    assert failure.message(tmp_path / "log", len(earlier), 1) == "exit status 1: new"


def test_a_missing_log_is_no_error_of_its_own(tmp_path: Path) -> None:
    assert failure.message(tmp_path / "none", 0, 1) == "exit status 1: it printed nothing"


def test_the_end_of_a_long_log_is_enough(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 10_000_000 + f"\n{STACK}ValueError: late\n")
    assert failure.message(tmp_path / "log", 0, 1) == "ValueError: late"
