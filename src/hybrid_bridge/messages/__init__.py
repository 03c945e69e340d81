"""The public message contract, one codec for both channels."""
