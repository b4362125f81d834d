"""A one-node SLURM cluster on this machine. munged, slurmctld and slurmd use a private configuration, ports and folder, so
they do not conflict with an existing cluster or a second test run."""

import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "sinfo", "scancel", "setpriv")
# Debian installs the daemons in directories that only root's PATH includes.
SEARCH_PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
STARTUP_SECONDS = 30


class CannotStart(Exception):
    """The cluster cannot be started on this machine."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def configuration(folder, host):
    """Processes are tracked by parent, not by cgroup, and not bound to CPUs, so that it works in containers."""
    return f"""
ClusterName=retmask-test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class SlurmCluster:
    """The constructor starts the cluster or raises CannotStart; stop() ends it and all its jobs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        if os.geteuid() != 0:
            raise CannotStart("its daemons need root")
        missing = [name for name in PROGRAMS if not shutil.which(name, path=SEARCH_PATH)]
        if missing:
            raise CannotStart(f"{', '.join(missing)} not found; scripts/setup.sh --tests installs slurm-wlm and munge")
        self.environment = {**os.environ, "PATH": SEARCH_PATH, "SLURM_CONF": str(self.folder / "slurm.conf")}
        for name in [name for name in self.environment if name.startswith("SLURM") and name != "SLURM_CONF"]:
            del self.environment[name]
        try:
            self._start()
        except Exception:
            self.stop()
            raise

    def _start(self):
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        host = socket.gethostname().split(".")[0]
        (self.folder / "slurm.conf").write_text(configuration(self.folder, host))
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        files = [f"--{what}-file={self.folder}/munge.{what}" for what in ("key", "log", "pid", "seed")]
        self._daemon("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", *files)
        self._wait("munged", lambda: (self.folder / "munge.socket").exists())
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", host)
        self._wait("a node that is idle", lambda: "idle" in self.run("sinfo", "-h", "-o", "%T", check=False).stdout)

    def _daemon(self, name, *arguments):
        with (self.folder / f"{name}.out").open("w") as log:
            self.processes.append(
                subprocess.Popen(
                    # setpriv: the daemons end if the test run is killed.
                    ["setpriv", "--pdeathsig", "TERM", shutil.which(name, path=SEARCH_PATH), *map(str, arguments)],
                    env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip

    def _wait(self, what, ready):
        deadline = time.monotonic() + STARTUP_SECONDS
        while not ready():
            ended = [process.args[3] for process in self.processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                logs = [log.read_text()[-400:] for log in sorted(self.folder.glob("*.out"))]
                raise CannotStart(f"no {what} after {STARTUP_SECONDS} s; ended: {ended}; {' '.join(logs)}")
            time.sleep(0.1)

    def run(self, *command, check=True, **options):
        """Runs a SLURM command on this cluster."""
        environment = {**self.environment, **options.pop("environment", {})}
        done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True,
                              timeout=60, **options)  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def job(self, job_id):
        """A job's fields from scontrol: {"JobState": "RUNNING", "Restarts": "0", ...}."""
        shown = self.run("scontrol", "--oneliner", "show", "job", job_id).stdout
        return dict(field.split("=", 1) for field in shown.split() if "=" in field)

    def stop(self):
        if len(self.processes) > 1:
            self.run("scancel", "--user=root", "--signal=KILL", "--full", check=False)
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
