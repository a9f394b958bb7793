"""What the project claims about speed and memory, each claim measured against a reference in the same run.

All of them, as one table: `python -m benchmarks`. One of them: `python -m benchmarks.training_step`.
"""
