"""The process beside the runtime, its protocol, and the client that keeps watch over it."""
