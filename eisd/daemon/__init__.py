"""The daemon: builds everything, keeps it running, tells systemd how it is."""
