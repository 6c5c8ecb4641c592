"""README's commands begin here: where TensorFlow has no build for this Python, pip would speak in riddles."""

import sys

if not (3, 11) <= sys.version_info < (3, 14):
    sys.exit(
        f"This is Python {sys.version.split()[0]}. TensorFlow needs 3.11, 3.12 or 3.13: see README, Two commands."
    )
