"""What the workflow is made of: keys and paths, the store of artefacts, locks, GPUs, lineage."""
