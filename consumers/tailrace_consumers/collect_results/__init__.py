"""A chunk was answered: prove the alignment, write the part, publish, settle, finish the job."""
