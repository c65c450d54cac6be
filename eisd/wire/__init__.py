"""The wire: one place per foreign protocol, bytes on one side and values on the other."""
