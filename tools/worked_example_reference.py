#!/usr/bin/env python3
"""Entropy estimates of P-SVGD on the worked example, from a second implementation (NumPy, term by term).

Prints, per bandwidth and number of steps, the mean over independent sets of 200 particles and its standard error: the
numbers that tests/sampler/worked_example_test.cpp compares with. Usage: worked_example_reference.py [sets]
"""
import sys

import numpy as np

MEAN = np.array([-0.6871, 0.8010])
PRECISION = np.linalg.inv(5 * np.array([[0.2260, 0.1652], [0.1652, 0.6779]]))
PARTICLES, STEP, STEPS = 200, 0.1, (200, 500)


def entropies(bandwidth, seed):
    """-mean log q after each of STEPS; bandwidth 0 is the median rule (lower of two middle values)."""
    x = np.random.default_rng(seed).normal(size=(PARTICLES, 2)) * np.sqrt(6)
    log_q = -(x**2).sum(1) / 12 - np.log(2 * np.pi * 6)
    found = []
    for step in range(1, STEPS[-1] + 1):
        score = -(x - MEAN) @ PRECISION
        difference = x[:, None] - x[None]
        squared = (difference**2).sum(-1)
        middle = np.partition(squared.ravel(), (squared.size - 1) // 2)[(squared.size - 1) // 2]
        variance = bandwidth**2 if bandwidth else middle / (2 * np.log(PARTICLES + 1))
        kernel = np.exp(-squared / (2 * variance))
        velocity = (kernel[..., None] * (score[None] + difference / variance)).mean(1)
        drift = -np.einsum("jd,ijd->ij", score, difference) / variance
        trace = kernel * (drift + 2 / variance - squared / variance**2)
        np.fill_diagonal(trace, 0)
        x = x + STEP * velocity
        log_q = log_q - STEP * trace.sum(1) / (PARTICLES - 1)
        if step in STEPS:
            found.append(-log_q.mean())
    return found


def main():
    sets = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    for bandwidth in (0.1, 0.5, 1.0, 3.0, 5.0, 0.0):
        rows = np.array([entropies(bandwidth, seed) for seed in range(sets)])
        mean, error = rows.mean(0), rows.std(0, ddof=1) / np.sqrt(sets)
        print(f"{bandwidth or 'median'}: " + ", ".join(f"{m:.4f} +- {e:.4f}" for m, e in zip(mean, error)))


if __name__ == "__main__":
    main()
