"""Fixtures of the black-box suites: they drive the real executables, as root."""
import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from lib import host, images, parity  # noqa: E402
from lib.engine import BIN, DOCKER, Client, Engine  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line('markers', 'smoke: the short list that runs with every command line and in `scripts/test fast`')
    config.addinivalue_line('markers', 'slow: minutes long; in `scripts/test full` only')
    if os.geteuid() != 0:
        pytest.exit('the black-box suites need root', 2)
    if not os.path.exists(BIN + '/sampand'):
        pytest.exit(f'{BIN}/sampand is missing: scripts/build ci', 2)


def pytest_collection_modifyitems(config, items):
    if os.environ.get('SAMPAN_TEST_MODE') != 'full':
        dropped = [item for item in items if 'slow' in item.keywords]
        if dropped:
            config.hook.pytest_deselected(items=dropped)
            items[:] = [item for item in items if 'slow' not in item.keywords]


@pytest.fixture(scope='module', autouse=True)
def nothing_left():
    """Whatever a test file does, the host is afterwards as it was."""
    before = host.snapshot()
    yield
    left = host.settled_difference(before)
    assert not left, 'the host is not as it was:\n' + '\n'.join(left)


@pytest.fixture(scope='module')
def engine(nothing_left):
    engine = Engine()
    yield engine
    engine.close()


def import_image(engine, tar, name, changes=()):
    from urllib.parse import quote
    query = f'/images/create?fromSrc=-&repo={quote(name)}' + ''.join('&changes=' + quote(change) for change in changes)
    with open(tar, 'rb') as source:
        answer = engine.post(query, source.read(), headers={'Content-Type': 'application/x-tar'})
    assert answer.status == 200 and 'sha256:' in answer.text, answer.text
    return answer


@pytest.fixture(scope='module')
def busybox(engine):
    import_image(engine, images.busybox_tar(), 'busybox:latest',
                 ['CMD ["sh"]', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])
    return 'busybox'


@pytest.fixture(scope='module')
def debian(engine):
    import_image(engine, images.debian_tar(), 'debian:bookworm', ['CMD ["bash"]'])
    return 'debian:bookworm'


def _clients():
    found = [('sampan', BIN + '/sampan'), ('docker-debian', DOCKER)]
    from shutil import which
    other = which('docker')
    if other and other != DOCKER:
        found.append(('docker', other))
    return found


CLIENTS = _clients()


@pytest.fixture(scope='module', params=[name for name, _ in CLIENTS])
def cli(request, engine):
    """The smoke list runs with every command line on this host."""
    client = Client(request.param, dict(CLIENTS)[request.param], engine.host)
    yield client
    client.close()


@pytest.fixture(scope='module')
def docker(engine):
    """The official command line, Debian's."""
    client = Client('docker-debian', DOCKER, engine.host)
    yield client
    client.close()


@pytest.fixture(scope='module')
def sampan(engine):
    client = Client('sampan', BIN + '/sampan', engine.host)
    yield client
    client.close()


@pytest.fixture(scope='module')
def both(engine, busybox, tmp_path_factory):
    """The newest official command line and ours, to be compared."""
    both = parity.Both(engine.host, tmp_path_factory.mktemp('parity'))
    open(both.scratch + '/plain', 'w').close()
    return both


@pytest.fixture
def clean(engine):
    """After each test no container, created network or volume is left, whatever it did."""
    yield
    for container in engine.get('/containers/json?all=1').json:
        engine.delete(f"/containers/{container['Id']}?force=1&v=1")
    for network in engine.get('/networks').json:
        if network['Name'] not in ('bridge', 'host', 'none'):
            assert engine.delete(f"/networks/{network['Id']}").status == 204, network
    for volume in engine.get('/volumes').json['Volumes'] or []:
        assert engine.delete(f"/volumes/{volume['Name']}").status == 204, volume


@pytest.fixture
def eventually():
    """eventually(condition, seconds): the condition's value as soon as it is true; fails with `what` otherwise."""
    def wait(condition, seconds=10, what='the condition'):
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < deadline, f'{what} did not come true in {seconds} s'
            time.sleep(0.02)
    return wait


@pytest.fixture(scope='session')
def registry_data(tmp_path_factory):
    return tmp_path_factory.mktemp('registry')


@pytest.fixture(scope='session')
def registry(registry_data):
    """Debian's docker-registry on a port of its own; 'host:port'."""
    port = 5050 + os.getpid() % 400
    config = registry_data / 'config.yml'
    config.write_text(f'version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {registry_data}/data}}\n'
                      f'  delete: {{enabled: true}}\nhttp: {{addr: 127.0.0.1:{port}}}\n')
    process = subprocess.Popen(['docker-registry', 'serve', str(config)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    import urllib.request
    for _ in range(100):
        try:
            urllib.request.urlopen(f'http://127.0.0.1:{port}/v2/')
            break
        except OSError:
            time.sleep(0.05)
    yield f'127.0.0.1:{port}'
    process.terminate()
    process.wait()
