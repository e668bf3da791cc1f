"""ssh as a way to a device: targets, its failures in one line, and a whole session with a real server on loopback."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.boards.device import bundle
from bench.boards.device.bundle import Bundle, Settings
from bench.boards.remote import ssh
from bench.boards.remote.session import Session
from bench.boards.remote.ssh import Address, Ssh
from bench.boards.remote.transport import FailedError, LostError
from deploy import runtime
from tests.support import loopback_sshd, tiny_models
from tests.support.loopback_sshd import LoopbackSshd
from tinyasc.errors import UserError


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("ssh:pi@raspberrypi.local", Address("raspberrypi.local", "pi", None)),
        ("ssh:raspberrypi", Address("raspberrypi", None, None)),
        ("ssh:pi@10.0.0.7:2222", Address("10.0.0.7", "pi", 2222)),
        ("ssh:pi@[fe80::1]:22", Address("fe80::1", "pi", 22)),
        ("ssh:pi@-oProxyCommand=x", None),  # what ssh would take for an option
        ("ssh:-pi@host", None),
        ("ssh:pi@host:99999", None),
        ("ssh:pi@host; rm -r x", None),
        ("ssh:", None),
    ],
)
def test_a_target_is_an_address_or_refused(target: str, address: Address | None) -> None:
    if address is not None:
        assert ssh.parse(target) == address
    else:
        with pytest.raises(UserError, match="target 'ssh:"):
            ssh.parse(target)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackSshd]:
    if loopback_sshd.PROGRAM is None:
        pytest.skip(loopback_sshd.MISSING)
    found = LoopbackSshd(tmp_path, f"{Path(sys.executable).parent}:/usr/bin:/bin")
    yield found
    found.kill()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("work")
    tiny_models.write_tflite(folder / "model.tflite", True, tiny_models.random_weights())
    inputs = runtime.load(folder / "model.tflite").quantize(
        np.random.default_rng(0).standard_normal((5, tiny_models.F, tiny_models.T))
    )
    settings = Settings(threads=(1,), warm_up=3, block=100)
    return bundle.write(
        folder / "bundle", {"model.tflite": folder / "model.tflite"}, {"model.tflite": inputs}, settings
    )


@pytest.mark.parametrize("rsync", [True, False])
def test_a_session_over_ssh_outlives_the_network(
    server: LoopbackSshd, work: Bundle, monkeypatch: pytest.MonkeyPatch, rsync: bool
) -> None:
    if not rsync:
        monkeypatch.setattr(Ssh, "_has_rsync", lambda self: False)

    class Falling(Ssh):
        """The device falls off the network as soon as it measures."""

        def run(self, command: str, given: bytes = b"") -> str:
            answer = super().run(command, given)
            if "nohup" in command:
                server.kill()
            return answer

    address, said = ssh.parse(server.target), []
    transport = Falling(address, server.options())
    with pytest.raises(UserError, match=r"lost \(.*left on .*: \.tinyasc/\w{16}: the same command goes on"):
        Session(transport, work, said.append, poll_seconds=0.05, patience_seconds=0.1).measure({"model.tflite": True})
    transport.close()
    (folder,) = (server.home / ".tinyasc").iterdir()
    begun = (folder / "pid").stat().st_mtime_ns
    server.start()
    transport = Ssh(address, server.options())
    held = Session(transport, work, said.append, poll_seconds=0.05)
    content = held.measure({"model.tflite": True}, keep=True)
    assert (folder / "pid").stat().st_mtime_ns == begun  # one measurement, not two
    assert said.count(f"measuring on {address.login}") == 1
    assert content.target == f"ssh-127.0.0.1-{server.port}"
    assert content.kind == "device"
    assert content.equality[0].agreed
    held.measure({"model.tflite": True})
    assert list(server.home.iterdir()) == []
    transport.close()


def test_every_failure_of_ssh_is_one_clear_line(server: LoopbackSshd) -> None:
    address = ssh.parse(server.target)
    for options, message in (
        (server.options(key="other_key"), f"takes none of your keys: .*ssh-copy-id -p {server.port}"),
        (server.options(hosts="no_hosts"), "its key is not known here: connect once by hand"),
    ):
        with pytest.raises(UserError, match=message):
            Ssh(address, options).run("true")
    transport = Ssh(address, server.options())
    with pytest.raises(FailedError, match=r"^bad words$"):
        transport.run("echo good; echo bad words >&2; exit 3")
    with pytest.raises(FailedError):
        transport.fetch("no/such/folder", server.home)
    transport.close()
    server.kill()
    with pytest.raises(LostError, match="Connection refused"):
        transport.run("true")
    with pytest.raises(UserError, match=r"does not answer .*Connection refused.*is it on"):
        Session(transport, Bundle(server.home, "0" * 64, {}, Settings()), lambda line: None).measure({})
    with pytest.raises(LostError, match="resolve"):
        Ssh(Address("host.invalid", None, None), server.options()).run("true")
