"""TOML to nouns: the schema, the loader that finds every mistake, secrets, drop-ins."""
