"""SumStripes: finds from the counts of all stripes where the records of each begin and end."""
