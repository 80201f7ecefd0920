#!/usr/bin/env python3
"""Writes the TorchScript files that tests/density/torchscript_test.cpp loads (Debian: python3-torch).

Run it in this folder: python3 make_torchscript.py
"""
import torch


class Banana(torch.nn.Module):
    """x1 ~ N(0, 2^2), x2 | x1 ~ N((x1^2 - 4) / 2, 1), as the built-in target `banana`."""

    dim: int

    def __init__(self):
        super().__init__()
        self.dim = 2
        self.scale = torch.nn.Parameter(torch.tensor(2.0))
        self.register_buffer("log_norm", torch.tensor(-2.5310242469692907, dtype=torch.float64))

    @torch.jit.export
    def log_prob(self, x):
        residual = x[:, 1] - 0.5 * (x[:, 0] ** 2 - self.scale**2)
        return self.log_norm - 0.5 * ((x[:, 0] / self.scale) ** 2 + residual**2)


class Mixture(torch.nn.Module):
    """Two unit Gaussians at -2 and 2 on the first axis, unnormalised; any dimension."""

    def forward(self, x):
        rest = 0.5 * (x[:, 1:] ** 2).sum(1)
        return torch.logaddexp(-0.5 * (x[:, 0] - 2) ** 2, -0.5 * (x[:, 0] + 2) ** 2) - rest


class NoEntry(torch.nn.Module):
    @torch.jit.export
    def density(self, x):
        return -(x**2).sum(1)


class WrongShape(torch.nn.Module):
    def forward(self, x):
        return -(x**2).sum(1, keepdim=True)


class NotANumber(torch.nn.Module):
    def forward(self, x):
        return torch.log(-1 - (x**2).sum(1))


class Detached(torch.nn.Module):
    """No gradient in x."""

    def forward(self, x):
        return -(x.detach() ** 2).sum(1)


class ThreeColumns(torch.nn.Module):
    """Fails on anything but points in three dimensions."""

    def forward(self, x):
        return -(x @ torch.ones(3, 3, dtype=x.dtype) * x).sum(1)


for name, model in [
    ("banana", Banana()),
    ("forward_only", Mixture()),
    ("no_entry", NoEntry()),
    ("wrong_shape", WrongShape()),
    ("nan", NotANumber()),
    ("three_columns", ThreeColumns()),
    ("detached", Detached()),
]:
    torch.jit.script(model).save(name + ".pt")
