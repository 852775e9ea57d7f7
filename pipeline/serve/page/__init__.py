"""The web app: input on the left, the scene in the middle, the chat on the right."""
