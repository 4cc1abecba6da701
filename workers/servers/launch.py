"""Become another program: one that ends when its parent does, and, where asked, one that is not root.

Run by path in a bare interpreter (`python -I -S launch.py SIGNAL DIRECTORY PROGRAM ARGUMENT…`), so it
imports nothing but the standard library: a fresh process has no threads, which both a user namespace
and a change of uid need. SIGNAL is sent on the parent's death (Linux; elsewhere the guardian does it).
DIRECTORY, where it is not empty, belongs to the program, which then does not run as root.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000

# Who to be instead of root: the first of these that the machine has. Postgres' tools want a uid with a name.
UNPRIVILEGED = ("postgres", "nobody")


def main() -> None:
    parent = os.getppid()
    death_signal, directory, program = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    if directory and os.geteuid() == 0:
        give_up_root(Path(directory), Path(program[0]))
    if sys.platform == "linux":
        # After any change of credentials, which would clear it.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended before this program began")
    os.execv(program[0], program)  # noqa: S606 - that is what this is for


def give_up_root(directory: Path, program: Path) -> None:
    """Own `directory` without privileges, or exit with a sentence that says what is in the way.

    A user namespace comes first: in it root's own files stay within reach, so that a home below a
    closed directory (/root) works, and no second uid needs to be let in anywhere.
    """
    user = unprivileged_user()
    if may_enter_user_namespace(user.pw_uid):
        own(directory, 0)
        enter_user_namespace(user.pw_uid)
    else:
        own(directory, user.pw_uid)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    for path in (directory, program):
        if not os.access(path, os.X_OK):
            sys.exit(
                f"PostgreSQL does not run as root, and without root's rights {path} is out of reach: "
                "start hooklog as an ordinary user, or from a directory that every user may pass through"
            )


def unprivileged_user() -> pwd.struct_passwd:
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    sys.exit("PostgreSQL does not run as root, and there is no user named nobody: start as an ordinary user")


def may_enter_user_namespace(uid: int) -> bool:
    """Whether this machine, or the container that it is, lets root do so: tried by a child, since a half
    entered namespace has no way back."""
    if sys.platform != "linux":
        return False
    child = os.fork()
    if child == 0:
        try:
            enter_user_namespace(uid)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def enter_user_namespace(uid: int) -> None:
    """Be `uid` inside a user namespace, and this root, without its privileges, to all outside of it."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/uid_map").write_text(f"{uid} 0 1")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{uid} 0 1")


def own(directory: Path, uid: int) -> None:
    if directory.stat().st_uid == uid:
        return
    for path in (*directory.rglob("*"), directory):
        os.chown(path, uid, -1, follow_symlinks=False)


if __name__ == "__main__":
    main()
