"""One round of the death test: a steady set of containers, actors beside it, a death, a restart, and every check."""
import random
import socket
import subprocess
import time
import urllib.request

from lib import own
from lib.deathmix import ERRORS, Actor

LOG = 'i=0; while :; do echo $i; i=$((i+1)); usleep 20000; done'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def eventually(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f'{what} did not come true in {seconds} s; last: {value!r}'
        time.sleep(0.03)


class Round:
    def __init__(self, engine, docker, seed, images, registry, before):
        self.engine, self.docker, self.images, self.registry = engine, docker, images, registry
        self.seed = seed
        self.draw = random.Random(seed)
        self.notes = []
        self.before = before
        self.actors = []

    def note(self, text):
        self.notes.append(f'{time.monotonic():.3f} {text}')

    # ---- what goes on whatever happens
    def start_one(self, name, command, network='bridge', ports=None, **host):
        config = {'Image': 'busybox', 'Cmd': ['sh', '-c', command], 'HostConfig': {'NetworkMode': network, **host}}
        if ports:
            config['HostConfig']['PortBindings'] = ports
        made = self.engine.post(f'/containers/create?name={name}', config)
        assert made.status == 201, made.text
        started = self.engine.post(f'/containers/{name}/start')
        assert started.status == 204, started.text
        return made.json['Id']

    def steady(self):
        engine, draw = self.engine, self.draw
        self.port = free_port()
        assert engine.post('/networks/create', {'Name': 'dn'}).status == 201
        self.start_one('log', LOG, 'dn')
        self.start_one('web', 'echo hello >/tmp/index.html; exec httpd -f -h /tmp', 'dn',
                       {'80/tcp': [{'HostIp': '127.0.0.1', 'HostPort': str(self.port)}]})
        self.pids = {name: self.state(name)['Pid'] for name in ('log', 'web')}
        self.start_one('ends', f'sleep {draw.uniform(0, 1.2):.2f}; exit 7', draw.choice(['dn', 'bridge', 'none']))
        self.start_one('gone', f'sleep {draw.uniform(0, 1.2):.2f}', draw.choice(['dn', 'bridge', 'none']), AutoRemove=True)
        self.oom = draw.random() < 0.3
        if self.oom:
            self.start_one('ooms', f'sleep {draw.uniform(0, 0.8):.2f}; x=a; while :; do x=$x$x; done', 'none', Memory=8 << 20, MemorySwap=8 << 20)
        self.policies = draw.random() < 0.5
        if self.policies:
            self.start_one('always', f'sleep {draw.uniform(0.1, 0.6):.2f}; exit 1', 'bridge', RestartPolicy={'Name': 'always'})
            self.start_one('twice', 'exit 5', 'none', RestartPolicy={'Name': 'on-failure', 'MaximumRetryCount': 2})
            self.start_one('told', 'sleep 1000', 'dn', RestartPolicy={'Name': 'unless-stopped'})
            assert engine.post('/containers/told/stop?t=0').status == 204

    def state(self, name):
        return self.engine.get(f'/containers/{name}/json').json['State']

    # ---- the death
    def begin(self, count=3, favour=None):
        for number in range(count):
            actor = Actor(self.engine, self.docker, f'a{number}', f'{self.seed}-{number}', self.images, self.registry,
                          favour if number < 2 else None)
            self.actors.append(actor)
            actor.start()

    def end_actors(self):
        for actor in self.actors:
            actor.halt.set()
        for actor in self.actors:
            actor.join(60)
            assert not actor.is_alive(), f'a request was never answered: {actor.journal[-3:]}'

    def die_after(self, delay):
        self.begin()
        time.sleep(delay)
        self.note(f'killed after {delay:.4f} s')
        for actor in self.actors:
            actor.halt.set()
        self.engine.kill9()
        self.end_actors()

    def die_at(self, point, hit, favour, seconds=8):
        """True: the daemon died at the point itself."""
        self.engine.stop()
        self.engine.start(faults=f'{point}:{hit}:kill', wait=False)
        try:
            self.engine.wait_ready()
            self.begin(favour=favour)
            deadline = time.monotonic() + seconds
            while self.engine.process.poll() is None and time.monotonic() < deadline and any(a.is_alive() for a in self.actors):
                time.sleep(0.005)
        except RuntimeError:
            self.note('died while it started')
        # Clients hear of the death a moment before the parent does.
        deadline = time.monotonic() + 2
        while self.engine.process.poll() is None and not any(a.is_alive() for a in self.actors) and time.monotonic() < deadline:
            time.sleep(0.01)
        died = self.engine.process.poll() == -9
        self.note(f'{point}:{hit} ' + ('was reached' if died else 'was not reached'))
        for actor in self.actors:
            actor.halt.set()
        self.engine.kill9()
        self.end_actors()
        return died

    def come_back(self, deaths=0, points=()):
        time.sleep(self.draw.choice([0, 0, 0.1, 0.6]))
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/', timeout=5) as answer:
            assert answer.read() == b'hello\n', 'the published port does not answer while the daemon is away'
        for point in points:
            self.engine.start(faults=f'{point}:1:kill', wait=False)
            self.note(f'start, to die at {point}: {self.engine.process.wait(20)}')
            assert self.engine.process.returncode == -9, f'{point} was not reached'
        for _ in range(deaths):
            delay = self.draw.uniform(0, 0.08)
            self.note(f'start, killed again after {delay:.4f} s')
            self.engine.start(wait=False)
            time.sleep(delay)
            self.engine.kill9()
        self.engine.start()

    # ---- the checks
    def check_steady(self):
        engine = self.engine
        for name, pid in self.pids.items():
            now = self.state(name)
            assert now['Status'] == 'running' and now['Pid'] == pid, f'{name} did not go on: {now}'
        self.check_port()
        self.check_log()
        out = self.docker.out('exec', 'log', 'wget', '-qO-', 'http://web/')
        assert out == 'hello', f'exec, DNS or the network gives {out!r}'
        self.check_attach()
        eventually(lambda: self.state('ends')['Status'] == 'exited', 10, 'the end of `ends`')
        assert self.state('ends')['ExitCode'] == 7, self.state('ends')
        eventually(lambda: engine.get('/containers/gone/json').status == 404, 10, 'the removal of `gone`')
        if self.oom:
            eventually(lambda: self.state('ooms')['Status'] == 'exited', 20, 'the end of `ooms`')
            assert self.state('ooms')['OOMKilled'] and self.state('ooms')['ExitCode'] == 137, self.state('ooms')
        if self.policies:
            self.check_policies()

    def check_policies(self):
        eventually(lambda: self.state('always')['Running'], 10, '`always` running')
        told = self.state('told')
        assert told['Status'] == 'exited', f'a stopped container runs again: {told}'
        eventually(lambda: self.state('twice')['Status'] == 'exited', 15, 'the end of `twice`')
        twice = self.engine.get('/containers/twice/json').json
        assert (twice['State']['ExitCode'], twice['RestartCount']) == (5, 2), twice['State']

    def check_port(self):
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/', timeout=5) as answer:
            assert answer.read() == b'hello\n'

    def log_lines(self):
        return self.docker.out('logs', 'log').split('\n')

    def check_log(self):
        lines = self.log_lines()
        assert lines == [str(i) for i in range(len(lines))], f'lines are lost or torn: {lines[:3]} … {lines[-3:]}'
        eventually(lambda: len(self.log_lines()) > len(lines), 5, 'more log')

    def check_attach(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.engine.socket)
            s.sendall(b'POST /containers/log/attach?stream=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n'
                      b'Upgrade: tcp\r\nContent-Length: 0\r\n\r\n')
            got = b''
            while got.partition(b'\r\n\r\n')[2].count(b'\n') < 2:
                piece = s.recv(4096)
                assert piece, f'attach ended: {got!r}'
                got += piece
        assert b' 101 ' in got.split(b'\r\n')[0], got

    def check_actor(self, actor):
        if actor.error:
            raise AssertionError(f'{actor.error}\njournal: {actor.journal[-6:]}') from actor.error
        there = {c['Names'][0][1:]: c for c in self.engine.get('/containers/json?all=1').json}
        for c in list(actor.containers.values()):
            self.check_container(c, there)
        self.check_present(actor.networks, {n['Name'] for n in self.engine.get('/networks').json}, 'network')
        self.check_present(actor.volumes, {v['Name'] for v in self.engine.get('/volumes').json['Volumes'] or []}, 'volume')
        tags = {tag for image in self.engine.get('/images/json').json for tag in image['RepoTags'] or []}
        self.check_present(actor.tags, tags, 'tag')

    def check_present(self, journal, there, kind):
        for name, may in journal.items():
            assert (name in there) in may, f'{kind} {name} is {"there" if name in there else "gone"}, may be there: {may}'

    def check_container(self, c, there):
        found = [name for name in c.names if name in there]
        if not found:
            assert None in c.may, f'{c} is gone'
            return
        assert len(found) == 1, f'{c} is there twice'
        if c.id:
            assert there[found[0]]['Id'] == c.id, f'{c} is another one'
        inspect = self.engine.get(f'/containers/{found[0]}/json').json
        state = inspect['State']
        if c.remove_on_end:
            eventually(lambda: self.engine.get(f'/containers/{found[0]}/json').status == 404 or self.state(found[0])['Status'] == 'created',
                       5, f'the removal of {c}, {state}')
            return
        assert state['Status'] in c.may, f'{c} is {state["Status"]}: {state}'
        if state['Status'] == 'exited' and c.may == {'exited'}:
            assert state['ExitCode'] in ((c.code,) if c.code else (3, 137, 143)), f'{c} exited with {state["ExitCode"]}'
        if state['Status'] == 'exited':
            assert state['ExitCode'] != 255 and not state['Error'], f'{c}: {state}'
        names = set(inspect['NetworkSettings']['Networks'])
        assert c.networks <= names <= c.networks | c.maybe_networks, f'{c} is on {names}, not {c.networks} (maybe {c.maybe_networks})'
        if state['Status'] == 'running':
            out = self.docker('exec', found[0], 'echo', 'again', check=False)
            assert out.out.strip() == 'again', f'exec in {c}: {out}'
            self.check_endpoints(c, inspect, found[0])

    def check_endpoints(self, c, inspect, name):
        """What inspect says of addresses is what the container's links have."""
        text = self.docker.out('exec', name, 'ip', '-4', '-o', 'addr')
        for network, endpoint in inspect['NetworkSettings']['Networks'].items():
            if endpoint['IPAddress']:
                assert endpoint['IPAddress'] + '/' in text, f'{c}: {endpoint["IPAddress"]} of {network} is not in\n{text}'
        held = {line.split()[1] for line in text.split('\n')} - {'lo'}
        expected = sum(1 for e in inspect['NetworkSettings']['Networks'].values() if e['IPAddress'])
        assert len(held) == expected, f'{c} has the links {held}, inspect says {inspect["NetworkSettings"]["Networks"].keys()}'

    def remove_all(self):
        engine = self.engine
        for container in engine.get('/containers/json?all=1').json:
            gone = engine.delete(f'/containers/{container["Id"]}?force=1&v=1')
            assert gone.status in (204, 404), gone.text
        for network in engine.get('/networks').json:
            if network['Name'] not in ('bridge', 'host', 'none'):
                gone = engine.delete(f'/networks/{network["Id"]}')
                assert gone.status == 204, gone.text
        for volume in engine.get('/volumes').json['Volumes'] or []:
            assert any(volume['Name'] in actor.volumes for actor in self.actors), f'a volume that nobody made by name: {volume}'
            assert engine.delete(f'/volumes/{volume["Name"]}').status == 204
        for image in engine.get('/images/json').json:
            for tag in image['RepoTags'] or []:
                if tag != 'busybox:latest':
                    assert engine.delete(f'/images/{tag}').status == 200
            if not image['RepoTags']:
                assert engine.delete(f'/images/{image["Id"]}?force=1').status == 200
        left = own.settled_difference(engine, self.before)
        assert not left, 'not as before:\n' + '\n'.join(left)

    def finish(self):
        self.check_steady()
        for actor in self.actors:
            self.check_actor(actor)
        self.remove_all()


def clean_up(engine):
    """After a round that failed: so that the next one says something of its own."""
    try:
        if engine.process.poll() is not None:
            engine.start()
        for container in engine.get('/containers/json?all=1').json:
            engine.delete(f'/containers/{container["Id"]}?force=1&v=1')
        for path in ('/networks/prune', '/volumes/prune?' + engine.filters(all=['1'])):
            engine.post(path)
        for image in engine.get('/images/json').json:
            for tag in image['RepoTags'] or [image['Id']]:
                if tag != 'busybox:latest':
                    engine.delete(f'/images/{tag}?force=1')
    except (*ERRORS, RuntimeError):
        pass
