"""How many layers of an image come or go at once, and how often a broken download is taken up again."""
import threading
import time

import pytest

from lib.daemon import Daemon
from lib.engine import BIN, Client
from lib.pulling import layer
from lib.registry import Registry, cut_after


class AtOnce:
    """A fault of the registry that answers nothing itself: it holds each request for a while and counts them."""

    def __init__(self):
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def __call__(self, handler):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.4)
        with self.lock:
            self.now -= 1
        return False


@pytest.fixture
def registry():
    registry = Registry()
    registry.layers = [layer(f'file{number}') for number in range(6)]
    registry.image('six', '1', registry.layers)
    yield registry
    registry.close()


@pytest.fixture
def started(nothing_left):
    made = []

    def start(*args):
        one = Daemon(args)
        made.append((one, Client('sampan', BIN + '/sampan', one.host)))
        return made[-1][1]
    yield start
    for one, client in made:
        client.close()
        one.close()


@pytest.mark.parametrize('flags, downloads, uploads', [
    ([], 3, 5), (['--max-concurrent-downloads', '1', '--max-concurrent-uploads', '2'], 1, 2)])
def test_layers_come_and_go_so_many_at_once(started, registry, flags, downloads, uploads):
    client = started(*flags)
    coming, going = AtOnce(), AtOnce()
    config = registry.repositories['six']['1'][0].decode().split('"config": {')[1].split('"digest": "')[1].split('"')[0]
    with registry.fault(f'^GET /v2/six/blobs/(?!{config})', coming):
        client('pull', f'{registry.name}/six:1')
    client('tag', f'{registry.name}/six:1', f'{registry.name}/other:1')
    registry.linked.clear()     # nothing to mount from: all has to be sent
    with registry.fault(r'^(PATCH|PUT) /v2/other/blobs/uploads', going):
        client('push', f'{registry.name}/other:1')
    assert (coming.most, going.most) == (downloads, uploads)


def test_downloads_end_after_so_many_attempts(started, registry):
    client = started('--max-download-attempts', '2')
    digest = registry.repositories['six']['1'][0].decode().split('"digest": "')[-1].split('"')[0]
    with registry.fault(f'^GET /v2/six/blobs/{digest}', cut_after(0, times=100)):
        failed = client('pull', f'{registry.name}/six:1', check=False)
    assert failed.code == 1 and 'EOF' in failed.err, failed
    assert len(registry.seen(f'GET /v2/six/blobs/{digest}')) == 2
    client('pull', f'{registry.name}/six:1')
