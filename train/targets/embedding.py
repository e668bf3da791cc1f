"""The embedding: what a network knows of a clip before it decides. B clips, C channels."""

from torch import Tensor, nn


class Embedding:
    """Listens in on the classifier of a network, from its making on; the network itself stays as it is.

    embedding = Embedding(network, models.ARCHITECTURES["cp_mobile"].classifier)
    logits = network(features)
    embedding.take()  # (B, C)
    """

    def __init__(self, network: nn.Module, classifier: str) -> None:
        """Args:
        network: its classifier gets (B, C) or (B, C, ...).
        classifier: name of that module (`tinyasc.models.Architecture`).
        """
        module = network.get_submodule(classifier)
        self.channels = _channels(module)
        """C."""
        self._taken: Tensor | None = None
        module.register_forward_pre_hook(self._listen)

    def take(self) -> Tensor:
        """The embedding (B, C) of the network's last forward pass; to be asked for once after each.

        Raises:
            RuntimeError: there was no pass since the last time.
        """
        if self._taken is None:
            raise RuntimeError("the embedding is there once after each forward pass of the network")
        # Kept no longer than needed: it holds on to all that its gradient takes.
        taken, self._taken = self._taken, None
        return taken

    def _listen(self, _module: nn.Module, given: tuple[Tensor, ...]) -> None:
        x = given[0]  # (B, C) or (B, C, F, T)
        self._taken = x.flatten(2).mean(2) if x.ndim > 2 else x


def _channels(classifier: nn.Module) -> int:
    """What the first layer of a classifier takes."""
    for layer in classifier.modules():
        if isinstance(layer, nn.Linear):
            return layer.in_features
        if isinstance(layer, nn.Conv2d):
            return layer.in_channels
        if isinstance(layer, nn.LayerNorm):
            return layer.normalized_shape[-1]
    raise RuntimeError("the classifier has no layer")
