"""ListStripes: lists the objects of a remote job and divides them into stripes."""
