"""Pictures of the console for the documentation, made of what the programs print."""
