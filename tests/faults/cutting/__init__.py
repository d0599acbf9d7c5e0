"""Remote jobs in the simulation: the state machine of infra/cutting.yaml, played in process."""
