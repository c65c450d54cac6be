"""The demonstration: the real daemon on made-up mail, with a mail server of its own."""
