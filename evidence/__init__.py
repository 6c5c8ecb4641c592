"""What the series claims about learning rates, how it is measured, and how it is judged."""
