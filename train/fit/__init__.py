"""The loop of all stages: steps, schedules, checkpoints, history, and the stage around it."""
