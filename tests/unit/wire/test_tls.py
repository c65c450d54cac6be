"""One verified context for all, and small buffers."""

from __future__ import annotations

import os
import ssl

import pytest
import trustme

from eisd.errors import Misconfigured
from eisd.wire import tls


@pytest.fixture
def ca_file(tmp_path):
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def test_connections_share_a_context(ca_file):
    """A context costs a megabyte: one per CA file, and it verifies everything."""
    context = tls.context(str(ca_file))

    assert context is tls.context(str(ca_file))
    assert context is not tls.context()
    assert tls.context() is tls.context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_renewed_ca_file_is_read_again(ca_file):
    """Replacing the file takes effect at the next connection."""
    before = tls.context(str(ca_file))
    trustme.CA().cert_pem.write_to_path(ca_file)
    os.utime(ca_file, ns=(1, 1))

    assert before is not tls.context(str(ca_file))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path, content):
    """The operator reads which file it is."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"ca\.pem") as caught:
        tls.context(str(path))
    assert caught.value.code == "tls"


def test_the_read_buffer_is_small():
    """64 KiB instead of 256 per connection; fails when asyncio renames its attribute."""
    assert tls.shrink_read_buffer()
    assert tls.shrink_read_buffer()
