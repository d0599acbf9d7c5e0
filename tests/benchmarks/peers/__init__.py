"""The other side: each module is a program for the environment of the peers, and imports nothing of the project."""
