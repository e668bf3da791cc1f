"""Patchout: a transformer of spectrograms leaves patches out in training, for shorter sequences and as a regularizer.

Source: Koutini et al., "Efficient training of audio transformers with patchout", 2022; drawn as in hear21passt.
Shapes: B clips, R x C grid of patches (frequency x time), N tokens, E width.
"""

import torch
from torch import Tensor, nn


class Patchout(nn.Module):
    """(B, leading + R C, E) -> (B, leading + N, E) in training; in evaluation all tokens pass.

    What stays is drawn on the CPU, so that it is the same on every device, and its numbers are sent there without
    waiting: indexing with numbers that lie on the CPU makes a GPU's queue run empty, and does not go into CUDA graphs.
    It is not compiled: for CUDA graphs, torch 2.11 moves a part of the drawing to the GPU and fails to join the parts.

    Args:
        grid_rows: R.
        rows: of them are left out, chosen at random (frequency).
        columns: of the C are left out (time).
        patches: single ones are left out of those that remain.
        leading: tokens before the patches, which stay.
    """

    def __init__(self, grid_rows: int, *, rows: int, columns: int, patches: int, leading: int) -> None:
        super().__init__()
        self.grid_rows, self.leading = grid_rows, leading
        self.rows, self.columns, self.patches = rows, columns, patches

    @torch.compiler.disable
    def forward(self, tokens: Tensor) -> Tensor:
        if not (self.training and (self.rows or self.columns or self.patches)):
            return tokens
        grid = torch.arange(self.leading, tokens.shape[1]).view(self.grid_rows, -1)
        if self.columns:
            grid = grid[:, _staying(grid.shape[1], self.columns)]
        if self.rows:
            grid = grid[_staying(grid.shape[0], self.rows)]
        kept = grid.flatten()
        if self.patches:
            kept = kept[_staying(len(kept), self.patches)]
        kept = torch.cat([torch.arange(self.leading), kept])
        return tokens.index_select(1, kept.to(tokens.device, non_blocking=True))


def _staying(of: int, out: int) -> Tensor:
    return torch.randperm(of)[: of - out].sort().values
