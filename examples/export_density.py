#!/usr/bin/env python3
"""Exports a density from PyTorch to a file that Ergon samples: any module with log_prob(x), (n, D) -> (n).

    python3 export_density.py density.pt
    ./ergon sample torchscript --model density.pt
"""
import sys

import torch


class TwoMoons(torch.nn.Module):
    """A ring of radius 2 with two gaps; not normalised, and it need not be."""

    dim: int  # lets Ergon know D; otherwise pass --dim

    def __init__(self):
        super().__init__()
        self.dim = 2
        # Parameters and buffers follow Ergon's precision and device; plain tensor attributes do not.
        self.register_buffer("centre", torch.tensor([2.0, 0.0]))

    @torch.jit.export
    def log_prob(self, x):
        ring = -0.5 * ((torch.sqrt((x**2).sum(1) + 1e-12) - 2) / 0.2) ** 2
        left = -0.5 * ((x[:, 0] + self.centre[0]) / 0.6) ** 2
        right = -0.5 * ((x[:, 0] - self.centre[0]) / 0.6) ** 2
        return ring + torch.logaddexp(left, right)


if __name__ == "__main__":
    torch.jit.script(TwoMoons()).save(sys.argv[1])
