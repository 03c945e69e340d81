"""What an order sized by the guard really loses at its stop, on the simulated exchange."""
