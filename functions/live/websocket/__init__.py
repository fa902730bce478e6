"""The functions behind the routes of the WebSocket API."""
