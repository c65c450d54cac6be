"""``python -m eisd`` is ``eisd``."""

from eisd.cli.main import main

if __name__ == "__main__":
    main()
