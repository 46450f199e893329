"""The daemon's own life: stop, stale files, a second one on the same roots, a shim that is killed, nothing that grows."""
import glob
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from lib import images, own
from lib.deathmix import Actor
from lib.engine import BIN


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


def state(engine, name):
    return engine.get(f'/containers/{name}/json').json['State']


def gone(pid):
    """Ended, whether or not somebody has asked for its exit code."""
    try:
        return 'State:\tZ' in open(f'/proc/{pid}/status').read()
    except OSError:
        return True


def shim_of(engine, id):
    """The pid of a container's shim: who holds the directory of its task open."""
    wanted = f'{engine.run}/exec/task/{id}'
    for path in glob.glob('/proc/[0-9]*/comm'):
        try:
            if open(path).read().strip() == 'sampan-shim' and any(
                    os.readlink(fd) == wanted for fd in glob.glob(os.path.dirname(path) + '/fd/*')):
                return int(path.split('/')[2])
        except OSError:
            pass
    raise AssertionError(f'no shim holds {wanted}')


# ---- a shim that is killed

def test_killed_shim_ends_its_container_and_says_so(engine, docker, eventually):
    id = docker.out('run', '-d', '--name', 'orphan', '-p', '127.0.0.1::80', 'busybox', 'sleep', '1000')
    before = state(engine, 'orphan')['Pid']
    os.kill(shim_of(engine, id), signal.SIGKILL)
    eventually(lambda: state(engine, 'orphan')['Status'] == 'exited')
    now = state(engine, 'orphan')
    assert now['ExitCode'] == 255 and 'exit status lost' in now['Error'] and 'shim' in now['Error'], now
    eventually(lambda: gone(before), 5, 'the end of the process')
    docker('start', 'orphan')
    assert docker.out('exec', 'orphan', 'echo', 'again') == 'again'
    docker('rm', '-f', 'orphan')


def test_shim_killed_while_the_daemon_is_away(engine, docker, eventually):
    id = docker.out('run', '-d', '--name', 'orphan', 'busybox', 'sleep', '1000')
    always = docker.out('run', '-d', '--name', 'again', '--restart', 'always', 'busybox', 'sleep', '1000')
    pids = [state(engine, name)['Pid'] for name in ('orphan', 'again')]
    shims = [shim_of(engine, id), shim_of(engine, always)]
    engine.kill9()
    for shim in shims:
        os.kill(shim, signal.SIGKILL)
    engine.start()
    try:
        now = state(engine, 'orphan')
        assert (now['Status'], now['ExitCode']) == ('exited', 255) and 'exit status lost' in now['Error'], now
        for pid in pids:
            eventually(lambda: gone(pid), 5, 'the end of the process')
        eventually(lambda: state(engine, 'again')['Running'], 10, 'the restart after a lost exit')
    finally:
        docker('rm', '-f', 'orphan', 'again')


# ---- stop

def test_sigterm_while_operations_run(engine, docker):
    time.sleep(1)    # what the test before has removed
    before = own.snapshot(engine)
    actors = [Actor(engine, docker, f't{n}', n, images.small_tar()) for n in range(3)]
    for actor in actors:
        actor.start()
    time.sleep(0.7)
    for actor in actors:
        actor.halt.set()
    assert engine.stop() == 0
    for actor in actors:
        actor.join(60)
        assert not actor.is_alive()
        assert actor.error is None, f'{actor.error}; {actor.journal[-4:]}'
    engine.start()
    there = {c['Names'][0][1:]: c for c in engine.get('/containers/json?all=1').json}
    for actor in actors:
        for c in actor.containers.values():
            states = {there[name]['State'] if name in there else None for name in c.names} - ({None} if len(c.names) > 1 else set())
            assert states & c.may or c.remove_on_end, f'{c} is {states}'
    for id in there.values():
        assert engine.delete(f'/containers/{id["Id"]}?force=1&v=1').status in (204, 404)
    engine.post('/networks/prune')
    engine.post('/volumes/prune?' + engine.filters(all=['1']))
    for image in engine.get('/images/json').json:
        for tag in image['RepoTags'] or [image['Id']]:
            if tag != 'busybox:latest':
                assert engine.delete(f'/images/{tag}?force=1').status == 200
    left = own.settled_difference(engine, before)
    assert not left, '\n'.join(left)


def test_stop_without_containers_takes_everything_away(engine, docker):
    docker('network', 'create', 'idle')
    docker('run', '--rm', '--network', 'idle', 'busybox', 'true')
    assert engine.stop() == 0
    left = own.snapshot(engine)
    for what in ('mounts', 'links', 'rules', 'cgroups', 'processes'):
        assert not left[what], left[what]
    assert not os.path.exists(engine.socket) and not os.path.exists(engine.run + '/pid')
    assert not glob.glob(f'/sys/fs/cgroup/*/sampan-{engine.instance}'), 'the parent of the control groups stays'
    engine.start()
    docker('run', '--rm', '--network', 'idle', 'busybox', 'true')
    docker('network', 'rm', 'idle')


def test_stop_with_containers_leaves_them(engine, docker):
    docker('run', '-d', '--name', 'stays', 'busybox', 'sleep', '1000')
    pid = state(engine, 'stays')['Pid']
    assert engine.stop() == 0
    assert os.path.exists(f'/proc/{pid}')
    engine.start()
    assert state(engine, 'stays')['Pid'] == pid
    docker('rm', '-f', 'stays')


class Clients:
    """Connections that are in the middle of something when the daemon is told to stop."""

    def __init__(self, engine):
        self.engine, self.open = engine, []

    def say(self, text, until=None):
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(20)
        one.connect(self.engine.socket)
        one.sendall(text.encode())
        heard = b''
        while until and until not in heard:
            heard += one.recv(4096)
        self.open.append(one)
        return one

    def ask(self, method, path, body=None, headers='', until=None):
        text = json.dumps(body) if body is not None else ''
        return self.say(f'{method} {path} HTTP/1.1\r\nHost: d\r\n{headers}Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}', until)

    def of_every_kind(self, container, registry):
        self.say('')
        self.say('GET /containers/json HTTP/1.1\r\nHost:')
        self.say('POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"Image":')
        self.say('POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf')
        self.ask('GET', '/events', until=b'200 OK')
        self.ask('GET', f'/containers/{container}/logs?stdout=1&follow=1', until=b'200 OK')
        self.ask('GET', f'/containers/{container}/stats', until=b'cpu_stats')
        self.ask('POST', f'/containers/{container}/wait?condition=removed', until=b'200 OK')
        self.ask('POST', f'/containers/{container}/stop?t=1000')
        upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n'
        self.ask('POST', f'/containers/{container}/attach?stream=1&stdin=1&stdout=1', headers=upgrade, until=b'UPGRADED')
        id = self.engine.post(f'/containers/{container}/exec', {'Cmd': ['cat'], 'AttachStdin': True, 'AttachStdout': True}).json['Id']
        self.ask('POST', f'/exec/{id}/start', {'Detach': False}, headers=upgrade, until=b'UPGRADED')
        self.ask('POST', f'/images/create?fromImage={registry}/silent&tag=1')

    def close(self):
        for one in self.open:
            one.close()


def test_sigterm_ends_with_clients_in_the_middle_of_everything(engine, docker):
    docker('run', '-d', '-i', '--name', 'stays', '--stop-signal', 'CONT', 'busybox', 'cat')
    silent = socket.create_server(('127.0.0.1', 0))
    clients = Clients(engine)
    clients.of_every_kind('stays', f'127.0.0.1:{silent.getsockname()[1]}')
    silent.settimeout(10)
    asked, _ = silent.accept()    # the pull has come as far as the registry that never answers
    try:
        assert engine.stop(8) == 0    # nothing of it is waited for
    finally:
        clients.close()
        asked.close()
        silent.close()
        engine.start()
    assert state(engine, 'stays')['Running']
    docker('rm', '-f', 'stays')


def test_sigterm_ends_beside_a_request_that_never_does(engine, docker):
    id = docker.out('run', '-d', '--name', 'stuck', 'busybox', 'sleep', '1000')
    docker('run', '-d', '--name', 'beside', 'busybox', 'sleep', '1000')
    shim = shim_of(engine, id)
    clients = Clients(engine)
    made = engine.post('/containers/stuck/exec', {'Cmd': ['true']}).json['Id']
    os.kill(shim, signal.SIGSTOP)
    try:
        hanging = clients.ask('POST', f'/exec/{made}/start', {'Detach': True})
        hanging.settimeout(0.3)
        with pytest.raises(TimeoutError):
            hanging.recv(1)
        hanging.settimeout(20)
        assert engine.stop(25) == 0
        assert hanging.recv(1) == b''
        assert not os.path.exists(engine.socket) and not os.path.exists(engine.run + '/pid')
    finally:
        os.kill(shim, signal.SIGCONT)
        clients.close()
        if engine.process.poll() is not None:
            engine.start()
    assert state(engine, 'stuck')['Running'] and docker.out('exec', 'beside', 'echo', 'well') == 'well'
    docker('rm', '-f', 'stuck', 'beside')


# ---- a second daemon, stale files

def second(engine, pidfile, host=None):
    return subprocess.run([BIN + '/sampand', '-H', host or f'unix://{engine.run}/second.sock', '--data-root', engine.root + '/data', '--exec-root',
                           engine.run + '/exec', '--pidfile', pidfile], capture_output=True, text=True, timeout=20)


def test_second_daemon_on_the_same_roots_is_refused(engine, docker):
    refused = second(engine, engine.run + '/pid')
    assert refused.returncode == 1 and f'process with PID {engine.process.pid} is still running' in refused.stderr, refused
    refused = second(engine, engine.run + '/second.pid')
    assert refused.returncode == 1 and f'{engine.root}/data is in use by another daemon' in refused.stderr, refused
    assert not os.path.exists(engine.run + '/second.pid'), 'a refused daemon leaves its pidfile'
    assert not os.path.exists(engine.run + '/second.sock')
    assert open(engine.run + '/pid').read().strip() == str(engine.process.pid)
    docker('run', '--rm', 'busybox', 'true')


@pytest.mark.parametrize('stale', ['', 'no number\n', '1\n', '4194303\n', 'own'])
def test_stale_pidfile_and_socket_are_replaced(engine, docker, stale):
    engine.stop()
    with open(engine.run + '/pid', 'w') as file:
        file.write(f'{os.getpid()}\n' if stale == 'own' else stale)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(engine.socket)
    dead.close()
    engine.start()
    assert open(engine.run + '/pid').read().strip() == str(engine.process.pid)
    docker('run', '--rm', 'busybox', 'true')


def test_daemon_killed_and_not_yet_reaped_is_not_running(engine, docker):
    engine.process.kill()
    while 'State:\tZ' not in open(f'/proc/{engine.process.pid}/status').read():
        time.sleep(0.01)
    killed = engine.process
    engine.start()
    assert killed.wait() == -9
    docker('run', '--rm', 'busybox', 'true')


# ---- nothing stays, nothing grows

def namespaces(ticks):
    """Those of the processes that were there at that time since boot: the kernel gives numbers out anew."""
    found = set()
    for path in glob.glob('/proc/[0-9]*/stat'):
        try:
            if int(open(path).read().rpartition(')')[2].split()[19]) < ticks:
                found |= {os.readlink(link) for link in glob.glob(os.path.dirname(path) + '/ns/*')}
        except OSError:
            pass
    return found


def namespaces_of(pid):
    return {os.readlink(path) for path in glob.glob(f'/proc/{pid}/ns/*')}


def test_one_second_after_the_last_removal_all_is_as_before(engine, docker):
    time.sleep(1)    # what the test before has removed
    before, host = own.snapshot(engine), namespaces_of('self')
    docker('network', 'create', 'one')
    theirs = set()
    for number, options in enumerate([[], ['--network', 'one', '-p', '127.0.0.1::80'], ['--network', 'none', '-m', '64m'], ['--network', 'host'],
                                      ['-v', '/data', '--tmpfs', '/t'], ['--network', 'container:k0']]):
        docker('run', '-d', '--name', f'k{number}', *options, 'busybox', 'sleep', '1000')
        theirs |= namespaces_of(state(engine, f'k{number}')['Pid']) - host
    docker('rm', '-f', '-v', *[f'k{number}' for number in range(6)])
    docker('network', 'rm', 'one')
    removed = float(open('/proc/uptime').read().split()[0]) * os.sysconf('SC_CLK_TCK')
    time.sleep(1)
    left = own.difference(before, own.snapshot(engine))
    assert not left, '\n'.join(left)
    assert not theirs & namespaces(removed), 'namespaces of removed containers are still in use'


def test_descriptors_and_threads_do_not_grow(engine, docker):
    def burst(count):
        for _ in range(count):
            made = engine.post('/containers/create', {'Image': 'busybox', 'Cmd': ['true'], 'HostConfig': {'AutoRemove': True}}).json['Id']
            assert engine.post(f'/containers/{made}/start').status == 204
            engine.post(f'/containers/{made}/wait?condition=removed')
        docker('run', '--rm', 'busybox', 'true')

    def settled():
        """Workers and lanes leave after a quiet second."""
        sizes = []
        for _ in range(8):
            time.sleep(0.5)
            sizes.append(own.daemon_size(engine))
        return min(sizes)

    burst(10)
    fds, threads = settled()
    burst(100)
    now = settled()
    assert now[0] <= fds + 3 and now[1] <= threads + 2, f'{fds} descriptors and {threads} threads became {now} in 100 runs'
