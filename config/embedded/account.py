"""Who the embedded servers run as. Postgres refuses root, so root hands them to an unprivileged account."""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded import ServiceError

ACCOUNT = "attune"
PASS_THROUGH = stat.S_IXGRP | stat.S_IXOTH
READABLE = stat.S_IRGRP | stat.S_IROTH


@dataclass(frozen=True)
class Account:
    """The account of the servers; uid and gid are None where that is simply the caller."""

    uid: int | None
    gid: int | None

    def popen_options(self) -> dict[str, Any]:
        """Arguments for subprocess that run a program as this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def take_over(self, folder: Path) -> None:
        """Makes a tree ours again that was copied, or that an account of another number had made."""
        if self.uid is not None and folder.lstat().st_uid != self.uid:
            for path in folder.rglob("*"):
                os.chown(path, self.uid, self.gid or 0, follow_symlinks=False)
        self.make_private_folder(folder)

    def make_private_folder(self, path: Path) -> None:
        """Creates the folder if need be: mode 700, owned by this account. Raises ServiceError."""
        owner = os.geteuid() if self.uid is None else self.uid
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700, parents=True)
            self.own(path)
        state = path.lstat()
        if not stat.S_ISDIR(state.st_mode):
            raise ServiceError(f"{path} is not a folder: move it away and try again")
        if state.st_uid != owner:
            if self.uid is None:
                raise ServiceError(
                    f"{path} belongs to another user: go on as them, or set ATTUNE_VAR to your own folder"
                )
            self.own(path)
        path.chmod(0o700)


def server_account() -> Account:
    """The caller's own account, or, for root, an unprivileged one that is made on first use."""
    if os.geteuid() != 0:
        return Account(uid=None, gid=None)
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        entry = _make_account()
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)


def _make_account() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd:
        command = [
            useradd,
            "--system",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
        ]
        subprocess.run(
            [*command, "--shell", "/usr/sbin/nologin", ACCOUNT],
            check=False,
            capture_output=True,
        )
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(ACCOUNT)
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise ServiceError(
            f"Postgres refuses root and no account could be made for it: run 'useradd --system {ACCOUNT}'"
        ) from None


def open_path(account: Account, path: Path) -> list[Path]:
    """Lets the account pass through the folders above ``path``; returns the folders that were opened.

    Passing through only (mode +x): what the folders contain stays unlisted.
    """
    if account.uid is None:
        return []
    opened = []
    for folder in reversed(path.resolve().parents):
        state = folder.stat()
        if state.st_mode & PASS_THROUGH != PASS_THROUGH and state.st_uid != account.uid:
            folder.chmod(stat.S_IMODE(state.st_mode) | PASS_THROUGH)
            opened.append(folder)
    return opened


def open_programs(account: Account, folder: Path) -> list[Path]:
    """Lets the account run the programs in ``folder`` (a tree that pip laid down under a strict umask)."""
    if account.uid is None:
        return []
    opened = open_path(account, folder)
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | READABLE | (PASS_THROUGH if path.is_dir() or mode & stat.S_IXUSR else 0)
        if wanted != mode:
            path.chmod(wanted)
    return opened
