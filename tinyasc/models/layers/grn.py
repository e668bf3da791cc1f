"""Global response norm in its two-scalar form, as CP-Mobile uses it.

Each channel is scaled by its energy over the whole map, relative to the mean energy of all channels.
Source: Woo et al., "ConvNeXt V2", 2023; one gamma and one beta for all channels as in CP-Mobile (Schmid et al., 2023).
"""

import torch
from torch import Tensor, nn


class GlobalResponseNorm(nn.Module):
    """(B, C, F, T) -> same shape: gamma * x * n + beta + x, n = ||x||_2 over (F, T) by its mean over C."""

    def __init__(self, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.beta = nn.Parameter(torch.zeros(1))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        energy = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        relative = energy / (energy.mean(1, keepdim=True) + self.epsilon)
        # Under autocast the norm is float32; the map keeps the precision it came in.
        return torch.addcmul(self.beta.to(x.dtype), x, (1 + self.gamma * relative).to(x.dtype))
