"""A Slurm cluster of this machine alone, from Debian's packages, on the loopback device."""

import getpass
import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PLUGIN = "snakemake_executor_plugin_slurm"
DAEMONS = ("munged", "slurmctld", "slurmd")
NODES = 2  # of one processor each
NODE_MB = 8_000
PORT = 16_817
CONFIGURATION = """\
ClusterName=local
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
# Memory is looked at every second, and what takes more than it asked for is killed: this needs no
# control groups.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
MinJobAge=86400
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Return what this machine lacks for a cluster, and the remedy; None if it has all."""
    if gone := [name for name in DAEMONS if not shutil.which(name, path=_path())]:
        return f"{gone[0]} is not there: apt-get install slurm-wlm munge"
    if not importlib.util.find_spec(PLUGIN):
        return f"{PLUGIN} is not there: pip install {PLUGIN}"
    return None


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"  # where daemons are, which not everybody's has


@dataclass(frozen=True)
class Job:
    """What became of one Slurm job: the rule with its wildcards, memory asked for, state, node."""

    number: str
    name: str
    mem_mb: int
    state: str
    node: str


class Cluster:
    """Munge and Slurm with NODES nodes, all below `folder`; a context that ends each by its pid."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.daemons: list[subprocess.Popen] = []
        # Job steps run without SLURM_CONF, and would look for a configuration in /etc.
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'bin'}:{_path()}",
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    def __enter__(self) -> "Cluster":
        for name in ("munge", "state", "spool", "bin"):
            (self.folder / name).mkdir(mode=0o700)
        step = self.folder / "bin" / "srun"
        conf = self.environment["SLURM_CONF"]
        step.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
        step.chmod(0o700)
        nodes = [
            f"NodeName=node{n} NodeHostname=localhost NodeAddr=127.0.0.1 Port={PORT + n} CPUs=1 "
            f"RealMemory={NODE_MB} State=UNKNOWN"
            for n in range(1, NODES + 1)
        ]
        values = {"folder": self.folder, "port": PORT, "user": getpass.getuser()}
        text = CONFIGURATION.format(**values, nodes="\n".join(nodes))
        (self.folder / "slurm.conf").write_text(text)
        try:
            self._start_munge()
            self._start("slurmctld", "-D", "-f", conf)
            for n in range(1, NODES + 1):
                self._start("slurmd", "-D", "-f", conf, "-N", f"node{n}")
            self._wait(lambda: self.asks("sinfo", "-h", "-o", "%T %D") == f"idle {NODES}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if len(self.daemons) > 1:  # the controller is there
            for job in self.jobs():
                if job.state in ("PENDING", "RUNNING", "COMPLETING"):
                    self.cancel(job)
            with suppress(TimeoutError):
                self._wait(lambda: not self.asks("squeue", "-h"))
        for daemon in reversed(self.daemons):
            daemon.terminate()
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()

    def jobs(self) -> list[Job]:
        """Every job that there has been, first first."""
        lines = self.asks("squeue", "-h", "--states=all", "-S", "i", "-o", "%i|%k|%m|%T|%N")
        split = (line.split("|") for line in lines.splitlines())
        return [Job(n, name, _megabytes(mb), state, node) for n, name, mb, state, node in split]

    def kill(self, job: Job) -> None:
        """Send SIGKILL to every process of a job."""
        self.asks("scancel", "--full", "--signal=KILL", job.number)

    def cancel(self, job: Job) -> None:
        """Have Slurm end a job."""
        self.asks("scancel", job.number)

    def asks(self, *command: str) -> str:
        """What a command of Slurm answers; an error is no answer."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        key = munge / "key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        names = {"key-file": "key", "socket": "socket", "pid-file": "pid"}
        names |= {"log-file": "log", "seed-file": "seed"}
        # Forced, since nobody else is to reach the socket, which it would otherwise insist on.
        self._start(
            "munged", "--foreground", "--force", *(f"--{k}={munge / v}" for k, v in names.items())
        )
        self._wait((munge / "socket").exists)

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}{len(self.daemons)}.log").open("w") as log:
            self.daemons.append(
                subprocess.Popen(
                    [shutil.which(name, path=_path()) or name, *arguments],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                )
            )

    def _wait(self, until, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end or any(d.poll() is not None for d in self.daemons):
                said = [f.read_text()[-2_000:] for f in sorted(self.folder.glob("*.log"))]
                raise TimeoutError("Slurm does not come up:\n" + "\n".join(said))
            time.sleep(0.2)


def _megabytes(text: str) -> int:
    """Slurm's 4000M, or 8G."""
    number, unit = text[:-1], text[-1]
    return round(float(number) * {"M": 1, "G": 1024}[unit])
