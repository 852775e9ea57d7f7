NAMES = ("da3-small", "da3-large", "da3mono-large", "da3metric-large", "da3nested-giant-large")
MODEL_REGISTRY = dict(zip(NAMES, NAMES, strict=True))
