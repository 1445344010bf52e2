"""CLM's operator: turns TrainingSchedules into Jobs and their results into ModelVersions."""
