"""A device over ssh: keys only, one shared connection, and for every way it fails a line that says what to do."""

import re
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.boards.remote.transport import FailedError, LostError
from tinyasc.errors import UserError

OPTIONS = (
    "-oBatchMode=yes",  # never ask: nobody may be there to answer
    "-oConnectTimeout=10",
    "-oServerAliveInterval=5",  # a device that fell off the network is noticed in a quarter of a minute
    "-oServerAliveCountMax=3",
    "-oControlMaster=auto",  # a handshake takes a small board most of a second: one for all commands
    "-oControlPersist=60",
)
FAULTS = {
    "identification has changed": "its key is not the one known here: if that is right, `ssh-keygen -R {host}`",
    "host key verification failed": "its key is not known here: connect once by hand and look at it, `ssh {words}`",
    "permission denied": "it takes none of your keys: put one there, `ssh-copy-id {words}`",
    "too many authentication failures": "it takes none of your first keys: name the right one in ~/.ssh/config",
    "bad configuration option": "this machine's ssh settings are wrong: try `ssh {words}`",
    "no matching": "it speaks no cipher or key that this machine's ssh takes: try `ssh {words}`",
}
"""What ssh says, in small letters, when trying again would not help -> what that means."""
SSH_FAILED = 255
RSYNC_LOST = (SSH_FAILED, 12, 30, 35)
"""Exit codes of rsync when the connection broke: ssh's own, error in the data stream, two timeouts (rsync(1))."""


@dataclass(frozen=True)
class Address:
    """user@host:port, the parts that were left out being ssh's to fill in."""

    host: str
    user: str | None
    port: int | None

    @property
    def login(self) -> str:
        return self.host if self.user is None else f"{self.user}@{self.host}"

    @property
    def words(self) -> str:
        """As a person would type it after ssh."""
        return self.login if self.port is None else f"-p {self.port} {self.login}"


def parse(target: str) -> Address:
    """ssh:user@host:port, ssh:host, ssh:user@[::1]:2222 and the like.

    Raises:
        UserError: it is none of these.
    """
    found = re.fullmatch(
        r"ssh:(?:(?P<user>\w[\w.-]*)@)?(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>\w[\w.-]*))(?::(?P<port>\d+))?",
        target,
    )
    if found is None:
        raise UserError(f"target {target!r} is not of the form ssh:user@host or ssh:user@host:port")
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 0 < port < 2**16:
        raise UserError(f"target {target!r} has port {port}: ports are 1 to 65535")
    return Address(found["six"] or found["host"], found["user"], port)


class Ssh:
    """A transport (`bench.boards.remote.transport.Transport`)."""

    python = "python3"

    def __init__(self, address: Address, options: tuple[str, ...] = ()):
        """Opens nothing yet.

        Args:
            address: the device.
            options: more of ssh's options, for example "-F" and a configuration file.
        """
        if shutil.which("ssh") is None:
            raise UserError("there is no ssh on this machine: install openssh-client")
        self.address = address
        self.name = address.login
        place = address.host if address.port is None else f"{address.host}-{address.port}"  # boards behind one router
        self.slug = "ssh-" + re.sub(r"[^A-Za-z0-9.-]+", "-", place).strip("-.")  # a host may be called pi4
        self._sockets = Path(tempfile.mkdtemp(prefix="ssh-"))  # a socket's path must be short
        port = () if address.port is None else (f"-p{address.port}",)
        self._ssh = ["ssh", *options, *OPTIONS, f"-oControlPath={self._sockets}/%C", *port]

    def run(self, command: str, given: bytes = b"") -> str:
        return self._run(command, given).decode(errors="replace")

    def send(self, folder: Path, to: str) -> None:
        if self._has_rsync():
            self._rsync(f"{folder}/", f"{self._place(to)}/")
        else:
            packed = subprocess.run(["tar", "-cz", "-C", str(folder), "."], capture_output=True, check=True)
            self._run(f"tar -xz -C {shlex.quote(to)}", packed.stdout)

    def fetch(self, folder: str, to: Path) -> None:
        if self._has_rsync():
            self._rsync(f"{self._place(folder)}/", f"{to}/")
        else:
            packed = self._run(f"tar -cz -C {shlex.quote(folder)} .")
            subprocess.run(["tar", "-xz", "-C", str(to)], input=packed, capture_output=True, check=True)

    def close(self) -> None:
        subprocess.run([*self._ssh, "-Oexit", self.address.login], capture_output=True, check=False)
        shutil.rmtree(self._sockets, ignore_errors=True)

    def _run(self, command: str, given: bytes = b"") -> bytes:
        done = subprocess.run([*self._ssh, self.address.login, command], input=given, capture_output=True, check=False)
        if done.returncode:
            self._fail(done.returncode, done.stderr.decode(errors="replace"), (SSH_FAILED,))
        return done.stdout

    def _has_rsync(self) -> bool:
        if shutil.which("rsync") is None:
            return False
        try:
            self._run("command -v rsync")
        except FailedError:
            return False
        return True

    def _rsync(self, source: str, to: str) -> None:
        done = subprocess.run(
            ["rsync", "-az", "--partial", "-e", shlex.join(self._ssh), source, to], capture_output=True, check=False
        )
        if done.returncode:
            self._fail(done.returncode, done.stderr.decode(errors="replace"), RSYNC_LOST)

    def _place(self, folder: str) -> str:
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        return f"{host if self.address.user is None else f'{self.address.user}@{host}'}:{folder}"

    def _fail(self, code: int, said: str, lost: tuple[int, ...]) -> None:
        """Say what went wrong: ssh's own faults end with its exit code, all else is the device's word."""
        if code in lost:
            for word, meaning in FAULTS.items():
                if word in said.lower():
                    advice = meaning.format(words=self.address.words, host=self.address.host)
                    raise UserError(f"no connection to {self.name}: {advice}")
        failed = FailedError(code, said)
        if code in lost:
            raise LostError(failed.said)
        raise failed
