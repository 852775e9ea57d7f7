"""What stands before the application: pure ASGI middlewares that refuse requests, and headers of every answer."""
