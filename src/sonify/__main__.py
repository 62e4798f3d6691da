"""The `sonify` command, as `python -m sonify` too: importing what it needs may fail as it may."""

from sonify.runtime.errors import one_sentence_errors


@one_sentence_errors()
def main() -> None:
    """Run the command; bad input, or too little memory for it, ends it with one sentence."""
    from sonify.cli import main as command

    command()


if __name__ == "__main__":
    main()
