"""The commands of the command line, one module each; cli hands them their arguments."""
