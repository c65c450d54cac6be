"""What a driver is, and finding the installed ones."""
