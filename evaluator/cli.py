"""Opens the command line: ``sequestra``, ``python -m evaluator.cli``."""

import sys

from evaluator.garbage_collection import few_collections


def main() -> None:
    """Run the command line; Python rarely collects garbage while it is loaded, too."""
    try:
        with few_collections():
            from evaluator.commands.main import main

            main()
    except KeyboardInterrupt:  # before a command has begun: it says nothing, as one that has
        sys.exit(130)


if __name__ == "__main__":
    main()
