"""One container or client that lets the engine wait: whoever wants something else, or wants it to end, is served meanwhile."""
import socket
import struct
import fcntl
import threading
import time

import pytest

from lib import images

SOON = 10       # seconds; what is served does not come near it, what hangs does not come back


@pytest.fixture(scope='module')
def probe(engine):
    images.import_bytes(engine, images.probe_tar(), 'probe:1')
    return 'probe:1'


@pytest.fixture(autouse=True)
def others(engine, busybox, clean):
    """A bystander that runs before, and everybody is served after."""
    yield
    assert engine.get('/_ping', timeout=SOON).status == 200


def run(engine, name, image, command, **host):
    made = engine.post(f'/containers/create?name={name}', {'Image': image, 'Cmd': command, 'HostConfig': host})
    assert made.status == 201, made.text
    started = engine.post(f'/containers/{name}/start', timeout=60)
    assert started.status == 204, started.text
    return made.json['Id']


class Call(threading.Thread):
    """A request under way."""

    def __init__(self, engine, method, path, body=None):
        super().__init__(daemon=True)
        self.engine, self.args, self.answer, self.took = engine, (method, path, body), None, None
        self.start()

    def run(self):
        begun = time.monotonic()
        try:
            method, path, body = self.args
            self.answer = self.engine.request(method, path, body, timeout=100)
        except OSError as error:
            self.answer = error
        self.took = time.monotonic() - begun

    def wait(self, seconds):
        self.join(seconds)
        assert not self.is_alive(), f'{self.args[:2]} has no answer after {seconds} s'
        return self.answer


def exec_into(engine, name):
    made = engine.post(f'/containers/{name}/exec', {'Cmd': ['true'], 'AttachStdout': True}, timeout=SOON)
    assert made.status == 201, made.text
    return Call(engine, 'POST', f"/exec/{made.json['Id']}/start", {'Detach': True})


def serves(engine):
    """The views, and the whole life of another container."""
    for path in ('/_ping', '/containers/json', '/info', '/volumes'):
        assert engine.get(path, timeout=SOON).status == 200
    run(engine, 'other', 'busybox', ['sleep', '1000'])
    assert exec_into(engine, 'other').wait(SOON).status == 200
    assert engine.post('/containers/other/kill', timeout=SOON).status == 204
    assert engine.delete('/containers/other?force=1', timeout=SOON).status == 204


def stopper(engine, probe, name='stopper'):
    """Its first process stops every other one of its PID namespace; itself it cannot."""
    run(engine, name, probe, ['probe', 'stop', '300'])
    time.sleep(0.3)


def stopped_execs(engine, name, count):
    """As many that hang; some come to their program before they are stopped."""
    calls = []
    for _ in range(60):
        calls = [call for call in calls if call.is_alive()] + [exec_into(engine, name)]
        calls[-1].join(0.5)
        if sum(call.is_alive() for call in calls) >= count:
            return [call for call in calls if call.is_alive()]
    pytest.fail('no launch was stopped: the test shows nothing')


@pytest.mark.parametrize('method, path, status', [('POST', '/containers/stopper/kill', 204), ('POST', '/containers/stopper/stop?t=1', 204),
                                                  ('DELETE', '/containers/stopper?force=1', 204), ('POST', '/containers/stopper/restart?t=0', 204)])
def test_who_stops_execs_can_be_ended(engine, probe, method, path, status):
    stopper(engine, probe)
    execs = stopped_execs(engine, 'stopper', 2)
    serves(engine)
    assert Call(engine, method, path).wait(SOON).status == status
    for call in execs:
        assert call.wait(SOON).status >= 400, 'what was being launched ends with its namespace'


def test_launches_that_do_not_end_are_given_up(engine, probe):
    stopper(engine, probe)
    for name in ('guest', 'doomed'):
        assert engine.post(f'/containers/create?name={name}', {'Image': 'busybox', 'Cmd': ['true'], 'HostConfig': {'PidMode': 'container:stopper'}}).status == 201
    calls = [*stopped_execs(engine, 'stopper', 1), Call(engine, 'POST', '/containers/guest/start'), Call(engine, 'POST', '/containers/doomed/start')]
    time.sleep(0.5)
    assert all(call.is_alive() for call in calls), 'the launches were not stopped: the test shows nothing'
    waiting = [Call(engine, 'POST', '/containers/guest/kill') for _ in range(40)]
    time.sleep(0.5)
    serves(engine)
    assert Call(engine, 'DELETE', '/containers/doomed?force=1').wait(SOON).status == 204     # ends the start
    assert calls[2].wait(SOON).status >= 400
    for call in calls[:2]:
        answer = call.wait(60)
        assert answer.status == 500 and 'did not come to execve' in answer.text, answer.text
        assert call.took > 5
    for call in waiting:
        assert call.wait(SOON).status == 409
    assert engine.get('/containers/guest/json').json['State']['Status'] == 'created'
    assert engine.post('/containers/stopper/kill', timeout=SOON).status == 204
    serves(engine)


def connect(engine, request):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(SOON)
    client.connect(engine.socket)
    client.sendall(request)
    return client


UPGRADE = ' HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n'


def fill(engine):
    """A connection with as many unread answers as it holds whole."""
    ping = b'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n'

    def unread(client):
        return struct.unpack('i', fcntl.ioctl(client, 0x541B, b'\0' * 4))[0]      # FIONREAD

    def send(client, before):
        client.sendall(ping)
        until = time.monotonic() + 0.2
        while unread(client) == before and time.monotonic() < until:
            time.sleep(0.0005)
        return unread(client) - before

    with connect(engine, b'') as first:
        size, count = send(first, 0), 1
        while send(first, unread(first)) == size:
            count += 1
    client = connect(engine, b'')
    for _ in range(count):
        send(client, unread(client))
    return client


def test_a_client_that_reads_no_answer_holds_no_container(engine, busybox):
    run(engine, 'victim', 'busybox', ['sleep', '1000'])
    with fill(engine) as client:
        client.sendall(('POST /containers/victim/attach?stream=1&stdout=1' + UPGRADE).encode())
        time.sleep(0.5)
        assert engine.post('/containers/victim/kill?signal=USR1', timeout=SOON).status == 204
        assert engine.post('/containers/victim/kill', timeout=SOON).status == 204
        serves(engine)


def test_readers_of_logs_that_sleep_leave_room_for_the_others(engine, busybox):
    run(engine, 'logger', 'busybox', ['sh', '-c', 'yes 0123456789012345678901234567890123456789 | head -n 50000; sleep 1000'])
    time.sleep(1)
    held = [connect(engine, ('POST /containers/logger/attach?logs=1&stdout=1&stream=0' + UPGRADE).encode()) for _ in range(80)]
    try:
        time.sleep(0.5)
        serves(engine)
        assert engine.delete('/containers/logger?force=1', timeout=SOON).status == 204
    finally:
        for client in held:
            client.close()


def test_sizes_of_many_files_keep_no_view_waiting(engine, busybox):
    run(engine, 'many', 'busybox', ['sh', '-c', 'cd /root; for d in $(seq 100); do mkdir $d; (cd $d; for f in $(seq 200); do : > $f; done); done; echo done; sleep 1000'])
    deadline = time.monotonic() + 60
    while 'done' not in engine.get('/containers/many/logs?stdout=1').text:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    calls = [Call(engine, 'GET', path) for path in ['/containers/json?all=1&size=1', '/containers/many/json?size=1'] * 40]
    time.sleep(0.05)
    assert engine.get('/_ping', timeout=SOON).status == 200
    under_way = sum(call.is_alive() for call in calls)
    for call in calls:
        assert call.wait(100).status == 200
    assert under_way > 64, 'the views waited for the sizes'


def test_bodies_that_never_come_keep_no_view_waiting(engine, busybox):
    run(engine, 'victim', 'busybox', ['sleep', '1000'])
    held = [connect(engine, f'POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{'.encode())
            for path in ('/networks/create', '/containers/victim/exec', '/containers/victim/update') for _ in range(17)]
    try:
        time.sleep(0.5)
        for path in ('/_ping', '/containers/json', '/containers/victim/json'):
            assert engine.get(path, timeout=SOON).status == 200
        assert engine.post('/containers/victim/kill', timeout=SOON).status == 204
    finally:
        for client in held:
            client.close()
