"""One measurement on a device, from the first word to an empty folder.

    .tinyasc/DIGEST/            in the device's home folder; DIGEST is the bundle's
        bundle/                 whole as soon as it has this name
        env/                    runtimes, where the device lacks them
        out/                    what the runner writes
        pid, log, exit          of the runner, which goes on without a connection

Every step looks first whether it is done, so the same command after a lost connection goes on where things stand: it
never sends twice what has arrived, nor measures anew what is under way or has ended well. What failed is begun anew.
"""

import re
import shlex
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bench.boards.device import bundle, measured
from bench.boards.device.bundle import RUNNER, Bundle, Settings
from bench.boards.device.result import TargetResult
from bench.boards.remote import environment, ssh
from bench.boards.remote.ssh import Ssh
from bench.boards.remote.transport import FailedError, LostError, Transport
from tinyasc.errors import UserError

HOME = ".tinyasc"
POLL_SECONDS = 5.0
"""Between questions whether it is done: each takes the device some milliseconds of its time."""
PATIENCE_SECONDS = 60.0
"""How long a broken connection is tried anew while the device measures: a board on Wi-Fi falls off now and then."""
ENVIRONMENT_BYTES = 400_000_000
"""A venv with numpy and both runtimes, and what pip needs meanwhile."""
FULL = "No space left on device"


@dataclass(frozen=True)
class Session:
    """A device and the work it is to do."""

    transport: Transport
    bundle: Bundle
    say: Callable[[str], None] = tqdm.write
    """Told what is done, a line at a time."""
    poll_seconds: float = POLL_SECONDS
    patience_seconds: float = PATIENCE_SECONDS

    @property
    def folder(self) -> str:
        return f"{HOME}/{self.bundle.digest[:16]}"

    def measure(self, integer: Mapping[str, bool], keep: bool = False) -> TargetResult:
        """Measure the bundle there, and return the result of the target (`bench.boards.device.result`).

        Args:
            integer: file -> whether its network computes in integers.
            keep: leave the folder on the device.

        Raises:
            UserError: whatever kept it from that, with what to do and what is left on the device.
        """
        device = self._first_word()
        warnings = environment.warnings(device)
        for warning in warnings:
            self.say(warning)
        try:
            self._send(device)
            self._start(device)
            self._wait()
            content = self._fetch(integer, device, warnings)
        except LostError as error:
            lost = f"connection to {self.transport.name} lost ({error})"
            raise UserError(f"{lost}; {self._left()}: the same command goes on from there") from None
        except FailedError as error:
            reason = "it has no space left" if FULL in error.text else error.said
            raise UserError(f"{self.transport.name}: {reason}; {self._clean(keep)}") from None
        except UserError as error:
            raise UserError(f"{error}; {self._clean(keep)}") from None
        except KeyboardInterrupt:
            stop = f"kill -TERM -$(cat {self.folder}/pid); rm -r {self.folder}"  # all of the runner's process group
            self.say(f"{self._left()}; the same command goes on from there; to stop and remove it: `{stop}` there")
            raise
        self.say(self._clean(keep))
        return content

    def _first_word(self) -> environment.Device:
        try:
            return environment.ask(self.transport)
        except LostError as error:
            raise UserError(
                f"{self.transport.name} does not answer ({error}): is it on, and is ssh on there?"
            ) from None

    def _send(self, device: environment.Device) -> None:
        if self._test(f"-d {self.folder}/bundle"):
            self.say(f"{self.transport.name} holds this bundle already")
            return
        bytes_ = sum(path.stat().st_size for path in self.bundle.folder.rglob("*") if path.is_file())
        if device.free_bytes < bytes_ + ENVIRONMENT_BYTES:
            raise UserError(
                f"{self.transport.name} has {device.free_bytes / 1e6:.0f} MB free, "
                f"{(bytes_ + ENVIRONMENT_BYTES) / 1e6:.0f} MB are needed: make room there"
            )
        self.transport.run(f"mkdir -p {self.folder}/bundle.part")
        self.transport.send(self.bundle.folder, f"{self.folder}/bundle.part")
        self.transport.run(f"mv {self.folder}/bundle.part {self.folder}/bundle")
        self.say(f"sent {bytes_ / 1e6:.1f} MB to {self.transport.name}")

    def _start(self, device: environment.Device) -> None:
        (state, line), name = self._look(), self.transport.name
        if state == "running":
            self.say(f"the measurement on {name} has begun before: going on with it")
            return
        if state == "ended 0":
            ended = float(self.transport.run(f"stat -c %Y {self.folder}/exit")) + device.clock_offset_seconds
            when = datetime.fromtimestamp(ended, UTC).isoformat(timespec="minutes")
            anew = f"to measure anew, `rm -r {self.folder}` there, or run it without --keep and then once more"
            self.say(f"this is no new measurement: it ended on {name} at {when} and lay there; {anew}")
            return
        if state != "absent":
            self.say(f"the measurement on {name} has failed before ({line}): it is begun anew")
        suffixes = [Path(file).suffix for file in self.bundle.models]
        python = environment.prepare(self.transport, device, self.folder, suffixes, self.say)
        # The inner shell writes its own number: with `setsid` in between, $! may be another's.
        job = f"echo $$ > pid; {python} bundle/{RUNNER.name} bundle out; echo $? > exit.new; mv exit.new exit"
        self.transport.run(
            f"cd {self.folder} && rm -rf pid exit out && export OPENBLAS_NUM_THREADS=1 && "
            f"{{ nohup setsid sh -c {shlex.quote(job)} > log 2>&1 < /dev/null & }}; "
            "for wait in $(seq 100); do [ -s pid ] && exit 0; sleep 0.1; done; cat log >&2; exit 1"
        )
        self.say(f"measuring on {self.transport.name}")

    def _wait(self) -> None:
        """Until the runner has ended; raises FailedError where it failed."""
        last_word = time.monotonic()
        with tqdm(desc=self.transport.name, unit="", leave=False) as bar:
            while True:
                try:
                    state, line = self._look()
                    last_word = time.monotonic()
                except LostError:
                    if time.monotonic() - last_word > self.patience_seconds:
                        raise
                    state, line = "running", ""
                found = re.fullmatch(r"([a-z ]+) (\d+) of (\d+)", line)
                if found:
                    bar.n, bar.total = int(found[2]), int(found[3])
                    bar.set_description(f"{self.transport.name}, {found[1]}")
                if state == "ended 0":
                    return
                if state != "running":
                    killed = "it was killed, or the device restarted"
                    raise FailedError(1, line if state.startswith("ended") else killed)
                time.sleep(self.poll_seconds)

    def _fetch(self, integer: Mapping[str, bool], device: environment.Device, warnings: list[str]) -> TargetResult:
        with tempfile.TemporaryDirectory() as place:
            self.transport.fetch(f"{self.folder}/out", Path(place))
            return measured.target_result(
                Path(place),
                self.bundle,
                self.transport.slug,
                integer,
                clock_offset_seconds=device.clock_offset_seconds,
                warnings=warnings,
            )

    def _look(self) -> tuple[str, str]:
        """ "ended CODE", "running", or "absent": never begun, or ended without a word; and the last line it said."""
        said = self.transport.run(
            # Whether it runs comes first: it writes its exit code before it ends.
            f"cd {self.folder} && if [ -f pid ] && grep -q {RUNNER.name} /proc/$(cat pid)/cmdline 2>/dev/null; "
            "then echo running; elif [ -f exit ]; then echo ended $(cat exit); "
            "else echo absent; fi; tail -n 1 log 2>/dev/null || true"
        )
        state, _, line = said.partition("\n")
        return state, line.strip()

    def _test(self, condition: str) -> bool:
        return self.transport.run(f"if [ {condition} ]; then echo yes; fi").strip() == "yes"

    def _clean(self, keep: bool) -> str:
        """Remove what is there, unless it is to be kept, and say what is left."""
        if keep:
            return self._left()
        try:
            self.transport.run(f"rm -rf {self.folder} && {{ rmdir {HOME} 2>/dev/null || true; }}")
        except (LostError, FailedError, UserError):
            return self._left()
        return f"nothing is left on {self.transport.name}"

    def _left(self) -> str:
        return f"left on {self.transport.name}: {self.folder}"


def measure(
    target: str,
    models: Mapping[str, Path],
    inputs: Mapping[str, np.ndarray],
    integer: Mapping[str, bool],
    *,
    steady_seconds: float = 0.0,
    keep: bool = False,
) -> TargetResult:
    """Measure files on a device, and return the result of that target (`bench.boards.device.result`).

    The same arguments after a lost connection take up what was begun there.

    Args:
        target: ssh:user@host or ssh:user@host:port.
        models: file name -> model file.
        inputs: file name -> raw inputs (n, *input shape) in the type that the file takes.
        integer: file -> whether its network computes in integers.
        steady_seconds: how long each file then runs without a pause, for a power meter; 0: not at all.
        keep: leave folder and runtimes on the device.

    Raises:
        UserError: whatever kept it from that, with what to do and what is left on the device.
    """
    transport = Ssh(ssh.parse(target))
    try:
        with tempfile.TemporaryDirectory() as place:
            work = bundle.write(Path(place), models, inputs, Settings(steady_seconds=steady_seconds))
            return Session(transport, work).measure(integer, keep)
    finally:
        transport.close()
