"""What the project claims about speed and memory, each claim measured against a reference in the same run.

    python -m benchmarks                   all of them, as one table
    python -m benchmarks.training_step     one of them
"""
