"""CP-ResNet: the published figures, the receptive field that rho chooses, and frequency damping."""

import copy

import pytest
import torch
from torch import nn

from tinyasc import mel
from tinyasc.cost import measure
from tinyasc.errors import UserError
from tinyasc.models import SIZES, build
from tinyasc.models.cp_resnet import Block, CPResNet, CPResNetConfig
from tinyasc.models.layers.frequency_damping import DampedConv2d, damping_mask, fold_damping
from tinyasc.models.layers.mixstyle import MixStyle, frequency_mixstyle

# torchinfo on the code of CPJKU/cpjku_dcase22 and fschmid56/cpjku_dcase23, whose front ends give 256 x 44 and 256 x 43.
# These are figures as trained, with batch norms. Deployed, each norm's 2 C parameters become C biases.
PUBLISHED = {
    "cp_resnet_2022": (127_684, 28_840_396),
    "cp_resnet_2023_teacher": (127_684, 28_840_396),
    "cp_resnet_rho4": (64_196, 19_317_196),
    "cp_resnet_rho6": (80_580, 21_774_796),
    "cp_resnet_rho12": (195_396, 38_997_196),
    "cp_resnet_base64": (565_924, 119_963_628),
    "cp_resnet_base128": (2_376_292, 489_479_212),
    "cp_resnet_damped": (127_684, 28_840_396),  # frequency damping has no parameter and no operation of its own
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures_as_trained_at_the_size_of_their_front_end(name):
    size = SIZES[name]
    assert size.front_end is not None
    front_end = size.front_end
    network = build(size.architecture, size.config, size.n_classes)
    counted = measure(network, (1, 1, front_end.n_mels, mel.frames(front_end, size.samples)))
    assert (counted.parameters, counted.macs) == PUBLISHED[name]
    norms = sum(layer.num_features for layer in network.modules() if isinstance(layer, nn.BatchNorm2d))
    assert counted.to_dict()["deployed_parameters"] == counted.parameters - norms


def test_with_the_front_end_of_cp_mobile_it_breaks_the_limit():
    assert measure(build("cp_resnet", {}, 10), (1, 1, 256, 64)).macs == 43_209_156


def kernel(branch: nn.Sequential) -> int:
    convolution = branch[0]
    assert isinstance(convolution, nn.Conv2d)
    return convolution.kernel_size[0]


# (first, second) kernels of the blocks of stages of 2, 1 and 1, as in the published code
@pytest.mark.parametrize(
    ("rho", "kernels", "rows"),
    [
        (2, [(3, 1), (3, 1), (1, 1), (1, 1)], 43),
        (4, [(3, 1), (3, 3), (3, 1), (1, 1)], 91),
        (6, [(3, 1), (3, 3), (3, 3), (1, 1)], 123),
        (8, [(3, 1), (3, 3), (3, 3), (3, 1)], 155),
        (12, [(3, 1), (3, 3), (3, 3), (3, 3)], 187),
    ],
)
def test_rho_chooses_kernels_and_so_how_many_mel_bands_an_output_sees(rho, kernels, rows):
    network = CPResNet(CPResNetConfig(rho=rho, base_channels=4, cut_channels=(0, 0)), 10).eval()
    blocks = [layer for layer in network.modules() if isinstance(layer, Block)]
    assert [(kernel(block.first), kernel(block.second)) for block in blocks] == kernels
    # clip i is not a number in band i: which clips does it reach the middle of the map in? (In float64: faster kernels
    # for float32 may spread it.) By hand: 5 of the stem, + 2, 4 and 8 of the poolings, + 2 x 4, 8 or 16 of each 3x3.
    spoiled = torch.zeros(256, 1, 256, 16, dtype=torch.float64)
    spoiled[range(256), :, range(256)] = torch.nan
    with torch.no_grad():
        features = network.double().stages(network.stem(spoiled))
    assert features[:, 0, features.shape[2] // 2].isnan().any(1).sum() == rows


def test_two_blocks_in_every_stage_and_no_pooling():
    config = CPResNetConfig(n_blocks=(2, 2, 2), groups=(1, 1, 4), pool_after=())
    network = CPResNet(config, 3)
    assert network.stages(network.stem(torch.zeros(2, 1, 64, 20))).shape == (2, 92, 31, 9)
    assert network(torch.zeros(2, 1, 64, 20)).shape == (2, 3)


def test_starts_as_its_shortcuts_with_all_logits_at_zero_and_learns():
    torch.manual_seed(0)
    network = CPResNet(CPResNetConfig(base_channels=8, cut_channels=(0, 0)), 2)
    clips, labels = torch.randn(16, 1, 64, 16), torch.arange(16) % 2
    clips[labels == 1, :, :32] += 1  # the lower bands are louder
    assert not network.eval()(clips).any()
    optimizer = torch.optim.Adam(network.train().parameters(), 1e-3)
    for _ in range(10):
        loss = nn.functional.cross_entropy(network(clips), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.35  # 0.69 before


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(1, [1.0]), (2, [1.0, 1.0]), (3, [0.01, 1.0, 0.01]), (5, [0.01, 0.505, 1.0, 0.505, 0.01])],
)
def test_damping_masks_of_the_published_code(rows, expected):
    torch.testing.assert_close(damping_mask(rows, 0.01).squeeze(1), torch.tensor(expected))


def test_damping_is_along_frequency_only_and_scales_the_gradient():
    plain = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(plain.weight)
    damped = DampedConv2d(plain, 0.01)
    impulse = torch.zeros(1, 1, 3, 3)
    impulse[..., 1, 1] = 1
    expected = torch.tensor([[0.01] * 3, [1.0] * 3, [0.01] * 3])
    torch.testing.assert_close(damped(impulse)[0, 0], expected)
    damped(torch.ones(1, 1, 3, 3))[..., 1, 1].sum().backward()
    assert damped.weight.grad is not None
    torch.testing.assert_close(damped.weight.grad[0, 0], expected)


def test_folded_damping_is_the_plain_architecture_with_the_same_logits():
    torch.manual_seed(0)
    damped, plain = (build("cp_resnet", {"frequency_damping": minimum}, 10) for minimum in (0.01, None))
    assert damped.state_dict().keys() == plain.state_dict().keys()
    for parameter in damped.parameters():  # the zeros of the start would hide differences
        nn.init.normal_(parameter, std=0.1)
    clips = torch.randn(4, 1, 256, 44)
    damped(clips).sum().backward()  # moves the statistics of the norms, too
    damped.eval()
    before = {name: value.clone() for name, value in damped.state_dict().items()}
    plain.load_state_dict(fold_damping(damped).state_dict())
    with torch.no_grad():
        logits = damped(clips)
        assert logits.std() > 1e-3
        torch.testing.assert_close(plain.eval()(clips), logits)
    assert all(torch.equal(value, before[name]) for name, value in damped.state_dict().items())


def test_exports_as_integer_friendly_operations_and_damped_with_the_mask():
    operations = {"conv2d", "batch_norm", "relu", "max_pool2d", "add", "mean"}
    for minimum, extra in ((None, set()), (0.01, {"mul"})):
        network = build("cp_resnet", {"frequency_damping": minimum}, 10).eval()
        program = torch.export.export(network, (torch.zeros(1, 1, 256, 44),))
        called = {node.target.__name__ for node in program.graph.nodes if node.op == "call_function"}
        assert {name.split(".")[0] for name in called} == operations | extra


def test_mixstyle_between_stages_is_heard_in_training_alone():
    torch.manual_seed(0)
    network = CPResNet(CPResNetConfig(), 10)
    for parameter in network.head.parameters():
        nn.init.normal_(parameter)  # all logits are zero at the start
    clips = torch.randn(4, 1, 64, 16) * torch.tensor([1.0, 2.0, 4.0, 8.0]).reshape(4, 1, 1, 1)
    mixed = copy.deepcopy(network)
    mixed.stages.insert(1, MixStyle(frequency_mixstyle, probability=1.0, alpha=0.3))
    assert torch.equal(mixed.eval()(clips), network.eval()(clips))
    assert not torch.allclose(mixed.train()(clips), network.train()(clips))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"rho": 0}, "rho is 0"),
        ({"n_blocks": [2, 1]}, "n_blocks.*3 elements"),
        ({"n_blocks": [4, 4, 4]}, "1 or 2"),
        ({"groups": [1, 3, 1]}, "32 to 64 of stage 2 do not divide into 3 groups"),
        ({"base_channels": 9, "cut_channels": [0, 36]}, "leave none"),
        ({"pool_after": [0, 4]}, "positions 0 to 2"),
        ({"frequency_damping": 1.5}, "published is 0.01"),
    ],
)
def test_settings_that_cannot_be_are_one_line(config, message):
    with pytest.raises(UserError, match=message):
        build("cp_resnet", config, 10)
