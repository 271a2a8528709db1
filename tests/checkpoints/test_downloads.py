"""A download is whole or fails, and two addresses never share a file."""

from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch

from mmgroupmix.checkpoints import CheckpointError
from mmgroupmix.checkpoints.downloads import download
from mmgroupmix.checkpoints.reading import read_checkpoint

from .hostile_files import Calling

pytestmark = pytest.mark.smoke


@contextmanager
def serve(answers):
    """Serve paths: their contents, and how many bytes too many each promises."""
    asked = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked[self.path] += 1
            content, missing = answers[self.path]
            self.send_response(200)
            self.send_header('Content-Length', str(len(content) + missing))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}', asked
        server.shutdown()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv('no_proxy', '127.0.0.1')


def test_a_download_that_is_cut_off_is_not_kept(tmp_path):
    answers = {'/a.pth': (b'half', 4)}
    with serve(answers) as (address, _):
        with pytest.raises(CheckpointError, match='ended after 4 of 8 bytes'):
            download(f'{address}/a.pth', tmp_path)
        assert list(tmp_path.iterdir()) == []
        answers['/a.pth'] = b'halfhalf', 0
        assert download(f'{address}/a.pth', tmp_path).read_bytes() == b'halfhalf'


def test_a_web_page_is_not_kept(tmp_path):
    page = {'/a.pth': (b'\n<!DOCTYPE html>', 0)}
    failure = pytest.raises(CheckpointError, match='sent a web page')
    with serve(page) as (address, _), failure:
        download(f'{address}/a.pth', tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_addresses_with_one_name_do_not_share_a_file(tmp_path):
    answers = {'/a/last.pth': (b'first', 0), '/b/last.pth?id=1': (b'second', 0)}
    with serve(answers) as (address, asked):
        urls = [address + path for path in answers]
        for url, content in zip(urls * 2, (b'first', b'second') * 2):
            assert download(url, tmp_path).read_bytes() == content
    assert set(asked.values()) == {1}


def test_a_file_that_was_put_there_by_hand_is_used(tmp_path):
    (tmp_path / 'a.pth').write_bytes(b'by hand')
    with serve({}) as (address, asked):
        assert download(f'{address}/a.pth', tmp_path).read_bytes() == b'by hand'
    assert not asked


def test_a_download_that_runs_code_is_refused_with_its_address(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    file = tmp_path / 'bad.pth'
    torch.save(dict(weight=torch.ones(1), x=Calling(print, 'ran')), file)
    failure = pytest.raises(CheckpointError, match='Refused.* copy of http://127.*/x.pth')
    with serve({'/x.pth': (file.read_bytes(), 0)}) as (address, _), failure:
        read_checkpoint(f'{address}/x.pth')
