"""The HTTP API: what commands and CRMs ask, answered from the store or by the core."""
