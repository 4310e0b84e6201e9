"""ROS domains: each run of the tests has one that no other run on this machine has."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

DOMAINS = range(1, 102)
"""Above these the ports of DDS are those that Linux gives to any program; 0 is the user's."""

NAME = "ros_domain_of_tests"


@contextmanager
def claimed_domain(name: str = NAME) -> Iterator[int]:
    """A domain for this process and its children, until the end of the block.

    A Unix socket without a file stands for it. Such names hold where the domain does: for all
    users, in every chroot, within one network namespace. The system frees it, too, when the
    process is killed.

    Args:
        name: whoever asks with another one is not kept off.

    Raises:
        RuntimeError: all of `DOMAINS` are taken.
    """
    for domain in DOMAINS:
        with socket.socket(socket.AF_UNIX) as claim:
            try:
                claim.bind(f"\0{name}_{domain}")
            except OSError:  # somebody else has it
                continue
            yield domain
            return
    raise RuntimeError(f"all {len(DOMAINS)} ROS domains are taken: end other runs of the tests")
