"""An ssh server on this machine's loopback that stands for a device, with keys and a home folder of its own.

It listens on a free port, takes one key, and starts every command in its own folder: nobody's files are touched, and
it needs no root. `kill` is a device that falls off the network: the server and its connections go, what they started
stays.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psutil

PROGRAM = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
MISSING = "no sshd on this machine (apt install openssh-server)"


class LoopbackSshd:
    """The server; `home` is the device's home folder."""

    def __init__(self, folder: Path, path: str):
        """Make keys and settings in a folder and start.

        Args:
            folder: an empty one.
            path: PATH of the commands there.
        """
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        self.port = _free_port()
        for name in ("host_key", "key", "other_key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "authorized").write_text((folder / "key.pub").read_text())
        host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host_key}\n")
        (folder / "no_hosts").touch()
        (folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile {folder}/pid\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nSetEnv HOME={self.home} PATH={path}\n"
            f'ForceCommand cd {self.home} && exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # root's sshd separates its privileges there
        self.server: subprocess.Popen[bytes] | None = None
        self.start()

    def options(self, key: str = "key", hosts: str = "known_hosts") -> tuple[str, ...]:
        """Of the ssh that is to reach it; no file of the user's is read."""
        return (
            *("-F", "none", "-i", str(self.folder / key), "-oIdentitiesOnly=yes", "-oIdentityAgent=none"),
            *(
                f"-oUserKnownHostsFile={self.folder / hosts}",
                "-oGlobalKnownHostsFile=none",
                "-oStrictHostKeyChecking=yes",
            ),
        )

    @property
    def target(self) -> str:
        return f"ssh:{getpass.getuser()}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, on the same port and with the same keys as before."""
        assert PROGRAM is not None
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen([PROGRAM, "-D", "-e", "-f", self.folder / "sshd_config"], stderr=log)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError((self.folder / "log").read_text())

    def kill(self) -> None:
        """Fall off the network."""
        if self.server is None:
            return
        connections = psutil.Process(self.server.pid).children(recursive=True)
        for process in [self.server, *(one for one in connections if one.name().startswith("sshd"))]:
            process.kill()
        self.server.wait()
        self.server = None


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
