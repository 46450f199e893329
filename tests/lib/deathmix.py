"""The drawn operations of the death test: actors that work at once, each on objects of its own, and a journal of what was
answered. An object's journal says in which states it may be found after the daemon's death."""
import json
import os
import random
import subprocess
import threading

ERRORS = (OSError, ConnectionError, EOFError)
LOOP = ['sh', '-c', 'trap "exit 3" TERM; echo up; sleep 1000 & wait']


class Died(Exception):
    """The daemon went away before it answered."""


class Refused(Exception):
    """An answer that no correct daemon gives."""


class Container:
    """What the journal knows of one container. `may`: the states it may be found in; None among them: gone."""

    def __init__(self, name):
        self.name, self.id, self.may, self.names = name, None, {None}, {name}
        self.networks, self.maybe_networks = set(), set()
        self.remove_on_end = False
        self.code = None

    def settled(self, state):
        self.may = {state}

    def __repr__(self):
        return f'{self.name} ({self.id and self.id[:12]}): may be {sorted(map(str, self.may))}'


class Actor(threading.Thread):
    """One of the clients. `favour` names an operation that is drawn every other time."""

    def __init__(self, engine, cli, prefix, seed, images, registry=None, favour=None, cycles=None):
        super().__init__(daemon=True)
        self.engine, self.cli, self.prefix, self.images, self.registry = engine, cli, prefix, images, registry
        self.draw = random.Random(seed)
        self.favour, self.cycles = favour, cycles
        self.containers, self.networks, self.volumes, self.tags = {}, {}, {}, {}
        self.journal, self.error, self.count = [], None, 0
        self.halt = threading.Event()

    # ---- talking
    def ask(self, method, path, body=None, ok=(200, 201, 204, 304), also=(), raw=False):
        try:
            headers = {'Content-Type': 'application/x-tar'} if raw else None
            answer = self.engine.request(method, path, body, headers=headers, timeout=40)
        except ERRORS as error:
            self.journal.append(f'{method} {path}: no answer ({error!r})')
            raise Died from error
        except Exception as error:    # http.client: cut off in the middle of an answer
            self.journal.append(f'{method} {path}: cut off ({error!r})')
            raise Died from error
        self.journal.append(f'{method} {path}: {answer.status}')
        if answer.status in ok or answer.status in also:
            return answer
        if answer.status == 503 and self.halt.is_set():
            raise Died
        raise Refused(f'{method} {path}: {answer.status} {answer.text.strip()}')

    def run(self):
        try:
            while not self.halt.is_set() and (self.cycles is None or self.count < self.cycles):
                self.count += 1
                favoured = self.favour and self.draw.random() < 0.5
                getattr(self, self.favour if favoured else self.draw.choice(OPERATIONS))()
        except Died:
            pass
        except Exception as error:    # shown by the round
            self.error = error

    def fresh(self, kind):
        self.count += 1
        return f'{self.prefix}{kind}{self.count}'

    # ---- choosing
    def some(self, states, make=True):
        found = [c for c in self.containers.values() if len(c.may) == 1 and c.may & set(states)]
        if found:
            return self.draw.choice(found)
        return self.begin() if make else None

    def crowded(self):
        if len(self.containers) > 5:
            self.remove()

    # ---- containers
    def create(self, command=LOOP, **host):
        self.crowded()
        c = Container(self.fresh('c'))
        self.containers[c.name] = c
        network = self.draw.choice(['bridge', 'none'] + [n for n, may in self.networks.items() if may == {True}])
        config = {'Image': 'busybox', 'Cmd': command, 'HostConfig': {'NetworkMode': network, **host}}
        if self.draw.random() < 0.2:
            config['Volumes'] = {'/data': {}}
        if self.draw.random() < 0.2 and network != 'none':
            config['HostConfig']['PortBindings'] = {'80/tcp': [{'HostIp': '127.0.0.1', 'HostPort': ''}]}
        c.networks = {network}
        c.may = {None, 'created'}
        c.id = self.ask('POST', f'/containers/create?name={c.name}', config).json['Id']
        c.settled('created')
        return c

    def begin(self):
        c = self.create()
        c.may = {'created', 'running'}
        self.ask('POST', f'/containers/{c.name}/start')
        c.settled('running')
        return c

    def run_and_remove(self):
        """docker run --rm, by the command line: create, attach, wait, start, removal."""
        c = Container(self.fresh('r'))
        c.remove_on_end, c.may = True, {None, 'created', 'running', 'exited'}
        self.containers[c.name] = c
        word = f'word-{self.draw.randrange(10000)}'
        volume = ['-v', '/scratch'] if self.draw.random() < 0.3 else []
        done = self.cli('run', '--rm', '--name', c.name, *volume, 'busybox', 'sh', '-c', f'echo {word}; exit 9', check=False, timeout=40)
        self.journal.append(f'run --rm {c.name}: {done.code} {done.out.strip()!r} {done.err.strip()[-200:]!r}')
        if done.code == 9:
            if done.out.strip() != word:
                raise Refused(f'run --rm printed {done.out!r} for {word}')
            c.settled(None)
            del self.containers[c.name]
            return
        if self.engine_is_dead():
            raise Died
        raise Refused(f'run --rm {c.name}: {done}')

    def engine_is_dead(self):
        if self.halt.wait(2):
            return True
        try:
            return self.engine.get('/_ping', timeout=5).status != 200
        except ERRORS:
            return True

    def stop(self):
        c = self.some(['running'])
        c.may = {'running', 'exited'}
        self.ask('POST', f'/containers/{c.name}/stop?t=1')
        c.settled('exited')

    def kill(self):
        c = self.some(['running'])
        c.may = {'running', 'exited'}
        self.ask('POST', f'/containers/{c.name}/kill')
        c.settled('exited')
        c.code = 137

    def restart(self):
        c = self.some(['running', 'exited'])
        c.may = {'running', 'exited'}
        c.code = None
        self.ask('POST', f'/containers/{c.name}/restart?t=0')
        c.settled('running')

    def start_again(self):
        c = self.some(['exited', 'created'], make=False)
        if c is None:
            return self.begin()
        c.may = c.may | {'running'}
        c.code = None
        self.ask('POST', f'/containers/{c.name}/start')
        c.settled('running')

    def remove(self):
        c = self.draw.choice(list(self.containers.values())) if self.containers else self.begin()
        c.may = c.may | {None, 'exited'}
        self.ask('DELETE', f'/containers/{c.name}?force=1&v=1', also=(404,) if c.remove_on_end else ())
        self.containers.pop(c.name, None)

    def pause(self):
        c = self.some(['running'])
        c.may = {'running', 'paused'}
        self.ask('POST', f'/containers/{c.name}/pause')
        c.settled('paused')
        if self.draw.random() < 0.7:
            c.may = {'running', 'paused'}
            self.ask('POST', f'/containers/{c.name}/unpause')
            c.settled('running')

    def rename(self):
        c = self.some(['running', 'created', 'exited'])
        new = self.fresh('n')
        c.names = {c.name, new}
        self.ask('POST', f'/containers/{c.name}/rename?name={new}')
        del self.containers[c.name]
        c.name, c.names = new, {new}
        self.containers[new] = c

    def exec(self):
        c = self.some(['running'])
        made = self.ask('POST', f'/containers/{c.name}/exec', {'Cmd': ['sh', '-c', 'exit 4'], 'AttachStdout': True}).json['Id']
        self.ask('POST', f'/exec/{made}/start', {'Detach': False})
        code = self.ask('GET', f'/exec/{made}/json').json['ExitCode']
        if code != 4:
            raise Refused(f'exec in {c.name} exited with {code} instead of 4')

    # ---- networks, volumes
    def network_create(self):
        name = self.fresh('net')
        self.networks[name] = {True, False}
        self.ask('POST', '/networks/create', {'Name': name})
        self.networks[name] = {True}
        return name

    def network_connect(self):
        free = [n for n, may in self.networks.items() if may == {True}]
        name = self.draw.choice(free) if free else self.network_create()
        c = next((c for c in self.containers.values() if c.may == {'running'} and 'none' not in c.networks and name not in c.networks), None)
        if c is None:
            return
        c.maybe_networks = {name}
        self.ask('POST', f'/networks/{name}/connect', {'Container': c.name})
        c.networks.add(name)
        c.maybe_networks = set()
        if self.draw.random() < 0.5:
            c.networks.discard(name)
            c.maybe_networks = {name}
            self.ask('POST', f'/networks/{name}/disconnect', {'Container': c.name})
            c.maybe_networks = set()

    def network_remove(self):
        used = set().union(*[c.networks | c.maybe_networks for c in self.containers.values()], set())
        free = [n for n, may in self.networks.items() if may == {True} and n not in used]
        name = self.draw.choice(free) if free else self.network_create()
        self.networks[name] = {True, False}
        self.ask('DELETE', f'/networks/{name}')
        del self.networks[name]

    def volume_create(self):
        name = self.fresh('vol')
        self.volumes[name] = {True, False}
        self.ask('POST', '/volumes/create', {'Name': name})
        self.volumes[name] = {True}

    def volume_remove(self):
        if not self.volumes:
            self.volume_create()
        name = self.draw.choice(list(self.volumes))
        self.volumes[name] = {True, False}
        self.ask('DELETE', f'/volumes/{name}')
        del self.volumes[name]

    # ---- images
    def import_image(self):
        name = self.fresh('img')
        self.tags[name + ':latest'] = {True, False}
        with open(self.images, 'rb') as source:
            answer = self.ask('POST', f'/images/create?fromSrc=-&repo={name}&message={name}', source.read(), raw=True)
        if 'sha256:' not in answer.text:
            if self.engine_is_dead():
                raise Died
            raise Refused(f'import: {answer.text}')
        self.tags[name + ':latest'] = {True}

    def pull(self):
        if not self.registry:
            return self.import_image()
        name = f'{self.registry}/small'
        tag = f'{self.prefix}'
        self.tags[f'{name}:{tag}'] = {True, False}
        answer = self.ask('POST', f'/images/create?fromImage={name}&tag={tag}')
        if 'Downloaded newer image' not in answer.text and 'Image is up to date' not in answer.text:
            if self.engine_is_dead():
                raise Died
            raise Refused(f'pull: {answer.text}')
        self.tags[f'{name}:{tag}'] = {True}
        self.untag(f'{name}:{tag}')

    def tag(self):
        name = self.fresh('tag')
        self.tags[f'{name}:1'] = {True, False}
        self.ask('POST', f'/images/busybox/tag?repo={name}&tag=1')
        self.tags[f'{name}:1'] = {True}

    def rmi(self):
        if not self.tags:
            self.tag()
        self.untag(self.draw.choice(list(self.tags)))

    def untag(self, name):
        self.tags[name] = {True, False}
        self.ask('DELETE', f'/images/{name}')
        del self.tags[name]


OPERATIONS = ['create', 'begin', 'begin', 'run_and_remove', 'run_and_remove', 'stop', 'kill', 'remove', 'remove', 'exec', 'restart', 'start_again', 'rename',
              'network_create', 'network_connect', 'network_connect', 'network_remove', 'volume_create', 'volume_remove', 'pull', 'import_image', 'tag',
              'rmi', 'pause']
