"""PaSST: published figures, clips of other lengths, and weights made for another input."""

import sys
import warnings

import pytest
import torch
from torch import Tensor, nn

from tinyasc import models, third_party
from tinyasc.cost import Torchinfo, measure
from tinyasc.errors import UserError
from tinyasc.models.passt import Passt, PasstConfig
from tinyasc.models.passt.weights import load_weights

NARROW = {"embed_dim": 16, "depth": 1, "num_heads": 2}
CLASSIFIERS = ("head.1.weight", "head.1.bias", "head_dist.weight", "head_dist.bias")


def narrow(n_classes: int = 10, **config: object) -> Passt:
    torch.manual_seed(0)
    model = models.build("passt", NARROW | config, n_classes)
    assert isinstance(model, Passt)
    return model.eval()


def tokens(model: Passt, frames: int) -> int:
    """Length of the sequence that comes to the first block, class tokens included."""
    lengths = []
    hook = model.net.blocks.register_forward_pre_hook(lambda _module, inputs: lengths.append(inputs[0].shape[1]))
    model(torch.zeros(1, 1, 128, frames))
    hook.remove()
    return lengths[0]


@pytest.mark.parametrize("frames", [100, 60])
def test_patchout_is_that_of_hear21passt_and_lets_the_same_gradient_through(frames):
    out = {"s_patchout_f": 5, "s_patchout_t": 2, "u_patchout": 3}
    own, size = narrow(drop_rate=0.3, **out), {**NARROW, "img_size": (128, 100), "in_chans": 1, "distilled": True}
    theirs = third_party.passt().PaSST(patch_size=16, stride=(10, 10), num_classes=10, drop_rate=0.3, **size, **out)
    theirs.load_state_dict(own.net.state_dict())
    log_mel, gradients = torch.randn(3, 1, 128, frames), []
    for network in (own, lambda x: theirs(x)[0]):
        own.train()
        theirs.train()
        torch.manual_seed(2)
        x = log_mel.clone().requires_grad_()
        network(x).square().sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-7)


def test_patchout_is_drawn_outside_of_what_is_compiled():
    """Numbers drawn on the CPU, within, fail where the rest is on a GPU."""
    graphs, model = [], narrow(s_patchout_f=5)

    def backend(graph, _inputs):
        graphs.append({str(node.target) for node in graph.graph.nodes})
        return graph.forward

    torch.compile(model.train(), backend=backend, dynamic=False)(torch.zeros(2, 1, 128, 100))
    assert any("linear" in name for name in set.union(*graphs))
    assert not any("randperm" in name or "arange" in name for name in set.union(*graphs))


@pytest.mark.parametrize(
    ("frames", "n_classes", "parameters", "macs", "by_torchinfo"),
    [  # computed with hear21passt: parameters, 127.2 G and 9.57 G of MACs without the patches, 320 M and 106 M
        (998, 527, 86_153_758, 127_507_427_087, 319_945_487),
        (100, 10, 85_290_260, 9_596_327_434, 106_381_834),
    ],
)
def test_figures_of_the_published_size(frames, n_classes, parameters, macs, by_torchinfo):
    model = models.build("passt_s", {"frames": frames}, n_classes).to("meta")  # nothing is computed
    cost = measure(model, (1, 1, 128, frames))
    assert (cost.parameters, cost.macs) == (parameters, macs)
    assert cost.torchinfo == Torchinfo(parameters, by_torchinfo)


@pytest.mark.slow
def test_the_published_size_is_what_hear21passt_calls_by_that_name(capsys):
    torch.manual_seed(0)
    own = models.build("passt_s", {}, 10)
    assert capsys.readouterr().out == ""
    torch.manual_seed(0)
    arguments = {"n_classes": 10, "input_tdim": 100, "s_patchout_f": 6, "pretrained": False}
    theirs = third_party.passt().get_model("passt_s_swa_p16_128_ap476", **arguments)
    assert all(map(torch.equal, own.state_dict().values(), theirs.state_dict().values()))
    log_mel = torch.randn(2, 1, 128, 100)
    for training in (False, True):
        torch.manual_seed(1)
        logits = own.train(training)(log_mel)
        torch.manual_seed(1)
        assert torch.equal(logits, theirs.train(training)(log_mel)[0])


@pytest.mark.parametrize(
    ("config", "frames", "grid", "training"),
    [  # the first two rows were computed with hear21passt; tokens in training, without patchout R C + 2 of the grid
        ({"frames": 998, "s_patchout_t": 40, "s_patchout_f": 4}, 998, (12, 99), 474),
        ({"s_patchout_f": 6}, 100, (12, 9), 56),
        ({"u_patchout": 50}, 100, (12, 9), 60),
        ({"s_patchout_f": 6, "s_patchout_t": 2, "u_patchout": 10}, 100, (12, 9), 34),
        ({"frames": 998, "s_patchout_f": 6}, 100, (12, 9), 56),  # a clip shorter than the embeddings
        ({"stride": [16, 16]}, 100, (8, 6), 50),
        ({"stride": [12, 5]}, 100, (10, 17), 172),
        ({"stem_channels": [4, 8, 8]}, 100, (8, 7), 58),
    ],
)
def test_tokens(config, frames, grid, training):
    model = narrow(**config)
    assert model.config.grid(frames) == grid
    assert tokens(model, frames) == grid[0] * grid[1] + 2
    assert tokens(model.train(), frames) == training


def test_a_shorter_clip_has_the_first_time_embeddings_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        long, short = narrow(frames=100), narrow(frames=60)
        weights = long.net.state_dict()
        weights["time_new_pos_embed"] = weights["time_new_pos_embed"][..., :6]
        short.net.load_state_dict(weights)
        log_mel = torch.randn(2, 1, 128, 60)
        assert torch.equal(long(log_mel), short(log_mel))


@pytest.mark.parametrize(
    ("bands", "frames", "message"),
    [
        (128, 101, r"have 101 frames, .* end at 100: set --model.frames 101"),
        (64, 100, r"set --mel.n_mels 128"),
        (128, 15, "clips of 15 frames hold no patch"),
        (128, 25, "patchout leaves nothing of 12 x 1 patches in 25 frames"),
    ],
)
def test_a_clip_that_does_not_fit_is_one_line(bands, frames, message):
    with pytest.raises(UserError, match=message):
        narrow(s_patchout_t=1).train()(torch.zeros(1, 1, bands, frames))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"stride": [8, 10]}, "stride is 8, 10: take 10 to 16"),
        ({"stride": [10, 17]}, "stride is 10, 17"),
        ({"frames": 15}, "clips of 15 frames hold no patch"),
        ({"s_patchout_f": 12}, "patchout leaves nothing"),
        ({"s_patchout_t": 9}, "patchout leaves nothing"),
        ({"s_patchout_f": 6, "u_patchout": 54}, "patchout leaves nothing of 12 x 9 patches"),
        ({"u_patchout": -1}, "take 0"),
        ({"num_heads": 3}, "no multiple of num_heads"),
        ({"stem_channels": [4], "stride": [16, 16]}, "give one of them"),
    ],
)
def test_settings_that_do_not_go_together_are_one_line(config, message):
    with pytest.raises(UserError, match=message):
        PasstConfig(**(NARROW | config))


def test_narrow_passt_starts_as_wide_as_the_published_one():
    weight = narrow(embed_dim=48).net.blocks[0].mlp.fc1.weight
    assert weight.std().item() == pytest.approx(0.02 * 4, rel=0.05)  # sqrt(768 / 48) = 4


def test_no_fake_timm_stays_behind():
    narrow()
    timm = sys.modules.get("timm")
    assert timm is None or timm.__spec__ is not None


@pytest.fixture
def published(tmp_path):
    """A file like PaSST's own, narrow: ten seconds, 527 classes."""
    path = tmp_path / "weights.pt"
    state = narrow(527, frames=998).net.state_dict()
    for name in CLASSIFIERS:  # biases start at zero
        nn.init.normal_(state[name])
    torch.save(state, path)
    return path


def averaged(values: Tensor, length: int) -> Tensor:
    """Adaptive average pooling of the last axis by definition: the mean of the values from i L / l to (i + 1) L / l."""
    count = values.shape[-1]
    bins = [(i * count // length, -(-(i + 1) * count // length)) for i in range(length)]
    return torch.stack([values[..., first:last].mean(-1) for first, last in bins], -1)


def test_starts_from_weights_of_ten_seconds(published):
    given = torch.load(published, weights_only=True)
    model = narrow(10, stride=[16, 10])
    load_weights(model, published)
    loaded = model.net.state_dict()
    time, frequency = "time_new_pos_embed", "freq_new_pos_embed"
    assert (given[time].shape[3], given[frequency].shape[2]) == (99, 12)
    assert (loaded[time].shape[3], loaded[frequency].shape[2]) == (10, 8)
    torch.testing.assert_close(loaded[time], averaged(given[time], 10))
    torch.testing.assert_close(loaded[frequency].mT, averaged(given[frequency].mT, 8))
    for name in CLASSIFIERS:
        torch.testing.assert_close(loaded[name], averaged(given[name].movedim(0, -1), 10).movedim(-1, 0))
    for name in loaded.keys() - {time, frequency, *CLASSIFIERS}:
        assert torch.equal(loaded[name], given[name])


def test_weights_of_the_same_input_and_classes_stay_as_they_are(published):
    model = narrow(527, frames=998)
    nn.init.zeros_(model.net.head[1].weight)
    load_weights(model, published)
    for name, tensor in torch.load(published, weights_only=True).items():
        assert torch.equal(model.net.state_dict()[name], tensor)


@pytest.mark.parametrize(
    ("config", "n_classes", "message"),
    [
        ({"frames": 1000}, 10, r"of 99 columns of patches and cannot start a PaSST of 100, .*: lower --model.frames"),
        ({}, 528, "of 527 classes and cannot start a PaSST of 528"),
        ({"embed_dim": 32}, 10, r"does not fit this PaSST: cls_token has the shape \(1, 1, 16\) and must have"),
        ({"depth": 2}, 10, r"blocks\.1\.norm1\.weight is missing"),
        ({"stem_channels": [4]}, 10, "of patches, not of a stem"),
    ],
)
def test_weights_that_cannot_be_made_to_fit_are_one_line(published, config, n_classes, message):
    with pytest.raises(UserError, match=message) as error:
        load_weights(narrow(n_classes, **config), published)
    assert "\n" not in str(error.value)
