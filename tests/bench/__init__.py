"""How fast and how big eisd is, measured on this machine; see README.md."""
