"""Hostile clients of the API: the daemon answers the others, and its memory, threads and descriptors come back."""
import json
import os
import re
import shutil
import socket
import subprocess
import time

import pytest

from lib.daemon import Daemon


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


def status(pid, key):
    return int(re.search(key + r':\s+(\d+)', open(f'/proc/{pid}/status').read()).group(1))


def fds(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def raw(engine, data, timeout=20, close=False):
    """What comes back for these bytes, until the server closes or is quiet."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(timeout)
        sock.connect(engine.socket)
        try:
            sock.sendall(data)
            if close:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass        # refused in the middle: the answer is there to read
        answer = b''
        try:
            while True:
                piece = sock.recv(65536)
                if not piece:
                    break
                answer += piece
                if b'\r\n\r\n' in answer and (b'Content-Length: 0' in answer or answer.count(b'}') or answer.endswith(b'0\r\n\r\n')):
                    break
        except OSError:
            pass
        return answer


def code(answer):
    return int(answer.split(b' ', 2)[1]) if answer.startswith(b'HTTP/1.') else None


@pytest.fixture(autouse=True)
def alive(engine, image):
    engine.get('/info')
    before = status(engine.process.pid, 'VmRSS')
    yield
    assert engine.process.poll() is None, engine.log()
    assert engine.get('/_ping').status == 200
    assert status(engine.process.pid, 'VmRSS') < before + 120_000, 'memory stays after the attack'


def head(method='POST', path='/containers/create', *lines):
    return ('\r\n'.join([f'{method} {path} HTTP/1.1', 'Host: x', 'Content-Type: application/json', *lines]) + '\r\n\r\n').encode()


def test_huge_bodies_are_refused(engine):
    size = 200 << 20
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(engine.socket)
        sock.sendall(head('POST', '/containers/create', f'Content-Length: {size}') + b'{"Image":"')
        try:
            for _ in range(size // (1 << 20)):
                sock.sendall(b'x' * (1 << 20))
        except OSError:
            pass
        answer = sock.recv(65536)
    assert code(answer) in (400, 413), answer
    assert status(engine.process.pid, 'VmHWM') < 400_000


@pytest.mark.parametrize('body', ['[' * 200_000, '{"a":' * 200_000, '{"HostConfig":' * 100_000 + '{}' + '}' * 100_000, '"' + 'x' * 3_000_000, '{"Env":[' + '"a=b",' * 300_000 + '"c=d"]}',
                                  '{' + '"a":1,' * 300_000 + '"b":2}', '{"Image":"busybox","Cmd":["true"]' + '}' * 1000, '\x00' * 1000, '{"Memory":1e999999999}',
                                  '{"HostConfig":{"Memory":' + '9' * 100_000 + '}}', '{"Image":"\\ud800"}', 'null', '[]', '""', '1', ''])
def test_json_bombs_are_refused(engine, body):
    answer = engine.request('POST', '/containers/create', body, {'Content-Type': 'application/json'})
    assert answer.status == 400, (body[:40], answer.status, answer.text[:200])
    assert json.loads(answer.text)['message']


@pytest.mark.parametrize('name, request_bytes, wanted', [
    ('long header', head('GET', '/_ping', 'X-Long: ' + 'a' * 200_000), (431, 400)),
    ('many headers', head('GET', '/_ping', *[f'X-{i}: a' for i in range(20_000)]), (431, 400)),
    ('long line', b'GET /' + b'a' * 200_000 + b' HTTP/1.1\r\nHost: x\r\n\r\n', (414, 431, 400)),
    ('two lengths', head('POST', '/containers/create', 'Content-Length: 2', 'Content-Length: 4') + b'{}{}', (400,)),
    ('length and chunked', head('POST', '/containers/create', 'Content-Length: 2', 'Transfer-Encoding: chunked') + b'0\r\n\r\n', (400,)),
    ('negative length', head('POST', '/containers/create', 'Content-Length: -1'), (400,)),
    ('length of words', head('POST', '/containers/create', 'Content-Length: two'), (400,)),
    ('length beyond all', head('POST', '/containers/create', 'Content-Length: 99999999999999999999'), (400, 413)),
    ('unknown coding', head('POST', '/containers/create', 'Transfer-Encoding: gzip'), (400, 501)),
    ('chunk of words', head('POST', '/containers/create', 'Transfer-Encoding: chunked') + b'zz\r\n', (400,)),
    ('giant chunk', head('POST', '/containers/create', 'Transfer-Encoding: chunked') + b'ffffffffffffffffff\r\n', (400, 413)),
    ('space in header', b'GET /_ping HTTP/1.1\r\nHost : x\r\n\r\n', (400,)),
    ('folded header', b'GET /_ping HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n', (400,)),
    ('no host', b'GET /_ping HTTP/1.1\r\n\r\n', (400, 200)),
    ('zero in path', b'GET /containers/a%00b/json HTTP/1.1\r\nHost: x\r\n\r\n', (400, 404)),
    ('bad percent', b'GET /containers/%zz/json HTTP/1.1\r\nHost: x\r\n\r\n', (400, 404)),
    ('version 9', b'GET /_ping HTTP/9.9\r\nHost: x\r\n\r\n', (400, 505)),
    ('not http', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', (400, None)),
    ('preface of http 2', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (400, 404, 405, 505, None)),
    ('no method', b' /_ping HTTP/1.1\r\nHost: x\r\n\r\n', (400,)),
    ('connect', b'CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n', (400, 404, 405, 501)),
])
def test_malformed_requests_are_refused(engine, name, request_bytes, wanted):
    assert code(raw(engine, request_bytes, timeout=5)) in wanted


def test_escaping_paths_name_nothing(engine):
    secret = '/etc/hostname'
    for path in ['/containers/../../../etc/passwd', '/containers/..%2f..%2f..%2fetc%2fpasswd/json', '/containers/%2e%2e/json', '/v1.41/../../etc/passwd',
                 '/volumes/..', '/volumes/..%2f..', '/volumes/%2e%2e%2f%2e%2e%2fetc', '/networks/..%2f..', '/images/..%2f..%2fetc/json', '/exec/..%2f../json',
                 '/containers/' + 'a' * 10_000 + '/json', '/containers/*/json', '/containers/[a-z]/json', "/containers/' OR 1=1 --/json", '//containers//json']:
        for method in ('GET', 'DELETE', 'HEAD'):
            answer = engine.request(method, path.replace(' ', '%20'))
            assert answer.status in (400, 404, 405, 301) or (path.startswith('//') and answer.status == 200), (method, path, answer.status, answer.text)
    assert os.path.exists(secret)
    for name in ['../../../var/tmp/x', '..', '.', '/etc', 'a/../b', '']:
        for route, body in (('/volumes/create', {'Name': name}), ('/networks/create', {'Name': name})):
            answer = engine.post(route, body)
            if name == '' and route.startswith('/volumes'):
                engine.delete('/volumes/' + answer.json['Name'])
                continue
            if route.startswith('/networks') and answer.status == 201:
                engine.delete('/networks/' + answer.json['Id'])      # a name is no path here, and Docker takes any
                continue
            assert answer.status in (400, 409), (route, name, answer.status, answer.text)


def test_connections_that_never_finish_keep_nobody_out(engine):
    """Slow heads, slow bodies, idle and half-closed ones, 3000 of them; the rest of the world is served."""
    pid = engine.process.pid
    calm = fds(pid)
    held = []
    starts = [b'', b'GET /_pi', b'GET /_ping HTTP/1.1\r\nHost: x\r\nX-A: b', head('POST', '/containers/create', 'Content-Length: 1000') + b'{"Im',
              head('POST', '/containers/create', 'Transfer-Encoding: chunked') + b'5\r\n{"Im', head('GET', '/_ping')]
    try:
        for i in range(3000):
            # Bodies that never come hold a thread each, so there are fewer of them.
            start = starts[i % len(starts)] if i < 60 else starts[i % 3]
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(engine.socket)     # waits where the backlog is full, which a timeout would make an error
            sock.settimeout(10)
            sock.sendall(start)
            held.append(sock)
        for _ in range(20):
            assert engine.get('/_ping', timeout=20).status == 200
            assert engine.get('/containers/json', timeout=20).status == 200
        assert status(pid, 'Threads') < 150
    finally:
        for sock in held:
            sock.close()
    deadline = time.time() + 15
    while fds(pid) > calm + 20:
        assert time.time() < deadline, f'{fds(pid)} descriptors, {calm} before'
        time.sleep(0.1)


def test_bodies_that_never_come_do_not_stop_the_views(engine):
    held = []
    try:
        for _ in range(100):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(engine.socket)
            sock.sendall(head('POST', '/containers/create', 'Content-Length: 1000') + b'{"Im')
            held.append(sock)
        time.sleep(0.5)
        for _ in range(10):
            assert engine.get('/containers/json', timeout=10).status == 200
    finally:
        for sock in held:
            sock.close()


def test_streams_whose_readers_sleep_are_bounded(engine):
    made = engine.post('/containers/create', {'Image': 'busybox', 'Cmd': ['sh', '-c', 'yes $(head -c 2000 /dev/zero | tr "\\0" y) | head -c 100000000'],
                                               'HostConfig': {'LogConfig': {'Type': 'json-file', 'Config': {'max-size': '20m', 'max-file': '1'}}}}).json['Id']
    held = []
    try:
        engine.post(f'/containers/{made}/start')
        for _ in range(30):
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(engine.socket)
            sock.sendall(head('GET', f'/containers/{made}/logs?stdout=1&follow=1'))
            held.append(sock)
        for path in ('/events', f'/containers/{made}/stats'):
            for _ in range(10):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(engine.socket)
                sock.sendall(head('GET', path))
                held.append(sock)
        engine.post(f'/containers/{made}/wait', timeout=120)
        assert status(engine.process.pid, 'VmRSS') < 250_000
    finally:
        for sock in held:
            sock.close()
        engine.delete(f'/containers/{made}?force=1')


def test_numbers_at_their_ends(engine):
    made = engine.post('/containers/create?name=ends', {'Image': 'busybox', 'Cmd': ['sleep', '1000'], 'Tty': True}).json['Id']
    engine.post('/containers/ends/start')
    try:
        for query in ['resize?h=4294967296&w=1', 'resize?h=-1&w=1', 'resize?h=x&w=y', 'resize', 'stop?t=x', 'kill?signal=99', 'kill?signal=-9', 'kill?signal=SIGNOPE',
                      'wait?condition=never', 'restart?t=1e9x']:
            assert engine.post(f'/containers/{made}/{query}').status in (400, 500), query
        for query in ['logs?stdout=1&tail=-99999999999999999999', 'logs?stdout=1&since=x', 'logs', 'logs?stdout=1&until=99999999999999999999999']:
            assert engine.get(f'/containers/{made}/{query}', timeout=20).status in (200, 400), query
        for size in range(300):
            assert engine.post(f'/containers/{made}/resize?h={size % 60000}&w={size * 7 % 60000}').status in (200, 201)
        for query in ['/containers/json?limit=x', '/containers/json?limit=99999999999999999999', '/containers/json?filters=x', '/containers/json?filters={"a":',
                      '/events?since=x', '/images/json?filters=[]', '/volumes?filters={"nope":["x"]}', '/networks?filters={"nope":["x"]}']:
            assert engine.get(query.replace('"', '%22').replace('{', '%7b'), timeout=20).status in (400, 500) or 'limit' in query, query
    finally:
        engine.delete('/containers/ends?force=1')


def test_full_disk_leaves_the_daemon_in_command(tmp_path):
    """A data root of 96 MB, filled by a container: list, stop, remove, and run again."""
    disk = tmp_path / 'disk'
    with open(disk, 'wb') as file:
        file.truncate(96 << 20)
    subprocess.run(['mkfs.ext4', '-q', '-F', disk], check=True)
    one = None

    class OnDisk(Daemon):
        def start(self, faults='', wait=True):
            if not os.path.ismount(self.root):
                subprocess.run(['mount', '-o', 'loop', disk, self.root], check=True)
            super().start()

        def clean(self):
            pass
    try:
        one = OnDisk(['--bip', '10.249.90.1/24'])
        from conftest import import_image
        from lib import images
        import_image(one, images.busybox_tar(), 'busybox:latest', ['CMD ["sh"]'])
        for name in ('filler', 'other'):
            assert one.post(f'/containers/create?name={name}', {'Image': 'busybox', 'Cmd': ['sleep', '1000']}).status == 201
            assert one.post(f'/containers/{name}/start').status == 204
        pid = one.get('/containers/filler/json').json['State']['Pid']
        subprocess.run(['nsenter', '-t', str(pid), '-m', '-r', '/bin/sh', '-c', 'cat /dev/zero > /fill; dd if=/dev/zero of=/fill2 bs=1 count=100000'],
                       capture_output=True)
        assert os.statvfs(one.root).f_bavail < 200
        assert len(one.get('/containers/json').json) == 2
        assert one.get('/containers/filler/json').status == 200
        refused = one.post('/containers/create?name=more', {'Image': 'busybox', 'Cmd': ['true']})
        assert refused.status in (201, 500), refused.text
        assert refused.status == 201 or 'space' in refused.text, refused.text
        assert one.post('/containers/other/stop?t=1').status == 204, one.log()
        assert one.delete('/containers/filler?force=1').status == 204, one.log()
        assert one.delete('/containers/other').status == 204, one.log()
        for _ in range(100):
            if os.statvfs(one.root).f_bavail > 5000:
                break
            time.sleep(0.1)
        one.delete('/containers/more?force=1')
        assert one.post('/containers/create?name=again', {'Image': 'busybox', 'Cmd': ['true']}).status == 201
        assert one.post('/containers/again/start').status == 204
        assert one.post('/containers/again/wait').json['StatusCode'] == 0
    finally:
        if one:
            if one.process.poll() is None:
                for container in one.get('/containers/json?all=1').json:
                    one.delete(f"/containers/{container['Id']}?force=1")
            one.stop()
            subprocess.run(['umount', '-l', one.root])
            shutil.rmtree(one.root, ignore_errors=True)
            shutil.rmtree(one.run, ignore_errors=True)
