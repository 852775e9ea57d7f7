class logger:
    level = 2
