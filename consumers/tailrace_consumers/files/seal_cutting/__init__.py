"""SealCutting: seals a job whose stripes are all cut."""
