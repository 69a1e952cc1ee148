"""How a run is driven: the engine says what to do, and the modules here do it."""
