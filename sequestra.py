"""Runs the command line: ``python -m sequestra``."""

from evaluator.cli import main

if __name__ == "__main__":
    main()
