"""The lab: real servers, and the trouble between them and a client, for the tests.

Every server here is private to the test that starts it: its own folder, free ports on loopback,
ended by `stop()` or by the death of the process that started it.
"""
