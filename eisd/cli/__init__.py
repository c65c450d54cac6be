"""The command line: a file per noun, imported when its command is asked for."""
