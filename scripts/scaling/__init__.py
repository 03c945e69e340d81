"""What an account costs a broker that many accounts share: started by scripts/scale."""
