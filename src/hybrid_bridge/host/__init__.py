"""What the operating system does to the bridge and is asked for: console, session, power, sleep, tasks."""
