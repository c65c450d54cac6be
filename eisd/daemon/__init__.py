"""The daemon: everything below, put together and kept alive."""
