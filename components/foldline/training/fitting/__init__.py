"""How the models of a training are fitted: settings, programs, stopping, checkpoints."""
