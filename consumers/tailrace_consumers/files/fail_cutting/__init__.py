"""FailCutting: fails a job whose cutting failed or broke off."""
