"""The command as `python -m foldline_pipelines.cli`."""

from foldline_pipelines.cli import main

main()
