"""The first calls of torch's functions in a process, made before they matter."""

import torch


def warm_up() -> None:
    """Call once what a process may get wrong in the last bits at its first call (pytorch issue 188792)."""
    one = torch.ones(1)
    for function in (torch.log, torch.exp, torch.sqrt, torch.cos, torch.sin, torch.tanh):
        function(one)
