"""Opens the command line: ``sequestra``, ``python -m evaluator.cli``."""

from evaluator.commands.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
