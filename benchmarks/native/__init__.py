"""What the benchmarks of the native step share: the networks, the peers, the checks, and how the time is taken.

Read `models`, `workloads`, `contestant`, then `correctness` and `rounds`.
"""
