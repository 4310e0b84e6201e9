"""Measures the robot's eyes as its users run them: real processes, real messages.

python -m tests.benchmarks --json bench_output/pipeline.json
"""
