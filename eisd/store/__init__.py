"""The one SQLite database: the only SQL of the project lives here."""
