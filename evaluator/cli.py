"""Opens the command line: ``sequestra``, ``python -m evaluator.cli``."""

from evaluator.garbage_collection import few_collections


def main() -> None:
    """Run the command line; Python rarely collects garbage while it is loaded, too."""
    with few_collections():
        from evaluator.commands.main import main

        main()


if __name__ == "__main__":
    main()
