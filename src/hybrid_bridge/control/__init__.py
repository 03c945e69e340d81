"""The slow channel: the WebSocket to the trading backend."""
