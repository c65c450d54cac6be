"""The nouns of eisd: frozen values on the standard library alone."""
