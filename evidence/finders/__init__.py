"""How wrong learning-rate finders are, across tasks: `python -m evidence.finders record | table | candidates`."""
