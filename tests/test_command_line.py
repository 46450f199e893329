"""What the command line says when the engine's socket is closed to it, when what answers is no engine, and where its credentials
are: the same as docker's, word for word."""
import http.server
import json
import os
import shutil
import socketserver
import threading

import pytest
from lib.pulling import layer
from lib.registry import Basic, Registry, TokenService


@pytest.fixture(scope='module', autouse=True)
def newest(both):
    if both.version < (28,):
        pytest.skip(f'docker {both.version} has other words')


def unequal(both, line, env=None, stdin=b''):
    docker, sampan = (both.run(name, line, stdin, env) for name in ('docker', 'sampan'))
    return '' if docker == sampan else f'{line}\n  docker: {docker}\n  sampan: {sampan}'


# ---- a socket that is closed to us

DENIED = ['ps', 'ps -q', 'images', 'images -q', 'run busybox', 'run -d busybox', 'create busybox', 'start x', 'start -a x', 'attach x', 'exec x y',
          'exec -d x y', 'exec -it x y', 'stop x', 'stop -s HUP x', 'kill x', 'restart x', 'rm x', 'rm -f x y', 'wait x', 'rename x y', 'pause x',
          'unpause x', 'inspect x', 'container inspect x', 'top x', 'port x', 'logs x', 'stats --no-stream', 'stats --no-stream x', 'update -m 5m x',
          'diff x', 'export x', 'commit x', 'pull x', 'pull -q x', 'push x', 'rmi x', 'rmi x y', 'tag x y', 'save x', 'load', 'import nofile',
          'import -', 'history x', 'image inspect x', 'image prune -f', 'container prune -f', 'network prune -f', 'volume prune -f', 'system prune -f',
          'network create x', 'network ls', 'network inspect x', 'network rm x', 'network connect x y', 'network disconnect x y', 'volume create x',
          'volume ls', 'volume inspect x', 'volume rm x', 'volume rm -f x', 'system df', 'system df -v', 'events', 'info -f x',
          'version -f {{.Server}}', 'ps --help', 'ps --nope', 'run', 'login', 'logout']


def test_permission_denied(both):
    """As another user, who may read and execute everything (so that he finds the programs) and write nothing."""
    both.prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search']
    try:
        code, out, err = both.run('sampan', 'ps')
        assert code == 1 and err.startswith('permission denied while trying to connect to the Docker daemon socket at unix:///run/'), err
        # All at once is how ours asks for statistics, and the error shows the request.
        differing = [text for line in DENIED if line != 'stats --no-stream x' and (text := unequal(both, line))]
    finally:
        both.prefix = []
    assert not differing, '\n'.join(differing)


@pytest.mark.parametrize('host', ['unix:///nonexist', 'tcp://127.0.0.1:1'])
def test_nobody_there(both, host):
    differing = [text for line in DENIED if not line.startswith('log') and (text := unequal(both, line, {'DOCKER_HOST': host}))]
    assert not differing, '\n'.join(differing)


# ---- something there, but no engine

GOOD = {'Api-Version': '1.44', 'Ostype': 'linux'}
JSON, TEXT = 'application/json', 'text/plain'
# What it answers to a ping and to everything else: (status, type, body, headers), or what it does instead.
ROGUES = {
    'closes': None,
    'talks': b'hello\r\n',
    'ping-500': ((500, TEXT, b'oops', {}), (200, JSON, b'[]', {})),
    'ping-500-with-a-version': ((500, TEXT, b'oops', GOOD), (200, JSON, b'[]', {})),
    'ping-403': ((403, JSON, b'{"message":"no"}', {}), (403, JSON, b'{"message":"no"}', {})),
    'ping-alone-403': ((403, JSON, b'{"message":"no"}', {}), (200, JSON, b'[]', {})),
    'old': ((200, TEXT, b'OK', {'Api-Version': '1.12'}), (200, JSON, b'[]', {})),
    'without-a-version': ((200, TEXT, b'OK', {}), (200, JSON, b'[]', {})),
    'not-found': ((404, TEXT, b'404 page not found\n', {}), (404, TEXT, b'404 page not found\n', {})),
    'not-found-without-words': ((404, TEXT, b'', {}), (404, TEXT, b'', {})),
    'no-message': ((200, TEXT, b'OK', GOOD), (500, JSON, b'{"message":""}', {})),
    'no-message-at-all': ((200, TEXT, b'OK', GOOD), (500, JSON, b'{}', {})),
    'broken-error': ((200, TEXT, b'OK', GOOD), (500, JSON, b'{bad', {})),
    'cut-error': ((200, TEXT, b'OK', GOOD), (500, JSON, b'{"message":', {})),
    'error': ((200, TEXT, b'OK', GOOD), (400, JSON, b'{"message":" bad thing\\n"}', {})),
    'error-with-a-charset': ((200, TEXT, b'OK', GOOD), (400, JSON + '; charset=utf-8', b'{"message":"bad thing"}', {})),
    'page': ((200, 'text/html', b'<html>', {}), (200, 'text/html', b'<html>', {})),
    'cut': ((200, TEXT, b'OK', GOOD), (200, JSON, b'{"a":', {})),
    'empty': ((200, TEXT, b'OK', GOOD), (200, JSON, b'', {})),
    'teapot': ((200, TEXT, b'OK', GOOD), (418, TEXT, b'short and stout', {})),
}


class RogueHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_any(self):
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        rogue = self.server.rogue
        if not isinstance(rogue, tuple):
            self.wfile.write(rogue or b'')
            self.close_connection = True
            return
        status, kind, body, headers = rogue[not self.path.endswith('/_ping')]
        self.send_response(status)
        for name, value in {**headers, 'Content-Type': kind, 'Content-Length': len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_DELETE = do_any


class RogueServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.mark.parametrize('name', ROGUES)
def test_what_is_no_engine(both, tmp_path, name):
    server = RogueServer(str(tmp_path / 'socket'), RogueHandler)
    server.rogue = ROGUES[name]
    threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()
    lines = ['ps', 'images -q', 'inspect x', 'rm x', 'stop x', 'network ls', 'volume ls', 'network create x', 'pull -q x', 'logs x', 'version -f x']
    if name.startswith('not-found'):
        lines.remove('inspect x')    # docker asks whether there is a swarm, and is told the same
    if name in ('ping-500', 'ping-500-with-a-version', 'ping-alone-403', 'old', 'without-a-version'):
        lines = ['ps', 'images -q', 'rm x']    # the others would name Go's types
    try:
        differing = [text for line in lines if (text := unequal(both, line, {'DOCKER_HOST': f'unix://{tmp_path}/socket'}))]
    finally:
        server.shutdown()
        server.server_close()
    assert not differing, '\n'.join(differing)


# ---- credentials

HELPER = '''#!/bin/sh
# Keeps one secret a server in files beside itself, and notes what it was asked.
cd "$(dirname "$0")/kept" || exit 1
server=$(cat)
echo "$1 $server" | tr -d '\\n' >> ../asked; echo >> ../asked
case $1 in
store) name=$(echo "$server" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr -c 'a-z0-9.\\n' _); echo "$server" > "$name" ;;
get) name=$(echo "$server" | tr -c 'a-z0-9.\\n' _); [ -e "$name" ] && exec cat "$name"; echo credentials not found in native keychain; exit 1 ;;
erase) name=$(echo "$server" | tr -c 'a-z0-9.\\n' _); [ -e "$name" ] && exec rm "$name"; echo credentials not found in native keychain; exit 1 ;;
esac
'''
BROKEN = '#!/bin/sh\necho locked; echo please unlock it >&2; exit 7\n'


class Home:
    """What one command line finds and leaves: config.json and a helper's store, the same for both and made anew for each."""

    def __init__(self, both):
        self.both, self.config, self.tools = both, both.scratch + '/home', both.scratch + '/tools'
        self.env = {'DOCKER_CONFIG': self.config, 'PATH': self.tools + ':' + os.environ['PATH']}

    def play(self, config, lines):
        """The answers of both to the lines, and what is on disk after them."""
        return [self.one(name, config, lines) for name in ('docker', 'sampan')]

    def one(self, name, config, lines):
        for folder in (self.config, self.tools):
            shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(self.tools + '/kept')
        os.makedirs(self.config)
        for tool, script in (('fake', HELPER), ('broken', BROKEN)):
            with open(f'{self.tools}/docker-credential-{tool}', 'w') as file:
                file.write(script)
            os.chmod(f'{self.tools}/docker-credential-{tool}', 0o755)
        if config is not None:
            with open(self.config + '/config.json', 'w') as file:
                file.write(config if isinstance(config, str) else json.dumps(config))
        said = []
        for line in lines:
            line, _, stdin = line.partition(' <<< ')
            said.append((line, *self.both.run(name, line, stdin.encode(), self.env)))
        return said, self.kept(), self.asked()

    def kept(self):
        try:
            with open(self.config + '/config.json') as file:
                return file.read()
        except FileNotFoundError:
            return None

    def asked(self):
        try:
            with open(self.tools + '/asked') as file:
                return file.read()
        except FileNotFoundError:
            return ''


def same(played):
    docker, sampan = played
    for theirs, ours in zip(docker[0], sampan[0]):
        assert theirs == ours
    assert docker[1] == sampan[1], 'config.json'
    assert docker[2] == sampan[2], 'what the helper was asked'
    return sampan


@pytest.fixture
def home(both):
    return Home(both)


@pytest.fixture
def closed():
    registry = Registry(auth=Basic('bob', 'secret'))
    registry.image('team/closed', '1', [layer()])
    yield registry
    registry.close()


def auth(user='bob', password='secret'):
    import base64
    return {'auth': base64.b64encode(f'{user}:{password}'.encode()).decode()}


def test_credentials_in_the_file(home, closed):
    host, image = closed.name, f'{closed.name}/team/closed:1'
    said, kept, _ = same(home.play(None, [f'pull -q {image}', f'login -u bob --password-stdin {host} <<< secret\n', f'pull -q {image}', f'push -q {image}',
                                          f'login {host}', f'login -u bob {host}', f'login -u eve {host}', f'logout {host}', f'logout {host}',
                                          f'pull -q {image}', f'login {host}', f'rmi {image}']))
    assert 'Login Succeeded' in said[1][2] and json.loads(kept) == {'auths': {}}
    same(home.play(None, [f'login -u bob -p secret http://{host}/v2/', f'logout https://{host}']))
    same(home.play({'auths': {f'https://{host}/v1/': auth()}}, [f'pull -q {image}', f'login {host}', f'rmi {image}', f'logout {host}']))
    same(home.play({'auths': {host: auth(password='wrong')}}, [f'pull -q {image}', f'login {host}', f'login -u bob --password-stdin {host} <<< wrong',
                                                               f'login -u bob --password-stdin {host} <<< secret', f'pull -q {image}', f'rmi {image}']))
    same(home.play({'auths': {host: auth('', '')}}, [f'login {host}']))
    same(home.play({'auths': {'zzz': auth(), host: auth(), 'aaa': auth()}, 'psFormat': 'x'}, [f'logout {host}', 'logout nowhere', 'logout', 'logout docker.io',
                                                                                             f'login -u bob --password-stdin {host} <<< secret']))


def test_credentials_in_a_helper(home, closed):
    host, image = closed.name, f'{closed.name}/team/closed:1'
    for config in ({'credsStore': 'fake'}, {'credHelpers': {host: 'fake'}}, {'credsStore': 'nosuch', 'credHelpers': {host: 'fake'}}):
        said, kept, asked = same(home.play(config, [f'login -u bob --password-stdin {host} <<< secret', f'pull -q {image}', f'login {host}',
                                                    f'logout {host}', f'pull -q {image}', f'rmi {image}']))
        assert said[0][1] == 0 and 'unencrypted' not in said[0][3] and 'secret' not in kept and f'get {host}' in asked
    same(home.play({'credsStore': 'fake'}, [f'logout {host}']))


@pytest.mark.parametrize('helper', ['nosuch', 'broken'])
def test_helpers_that_fail(home, closed, helper):
    host, image = closed.name, f'{closed.name}/team/closed:1'
    same(home.play({'credsStore': helper}, [f'login -u bob --password-stdin {host} <<< secret', f'login {host}', f'logout {host}', f'pull -q {image}',
                                            f'run --rm {image} true', 'ps -q']))


def test_identity_tokens(home):
    service = TokenService()
    service.identity = 'identity-1'
    registry = Registry(auth=service)
    registry.image('team/closed', '1', [layer()])
    service.private = {'team/closed'}
    try:
        for config in (None, {'credsStore': 'fake'}):
            _, kept, _ = same(home.play(config, [f'login -u {service.user} --password-stdin {registry.name} <<< {service.password}',
                                                 f'pull -q {registry.name}/team/closed:1', f'rmi {registry.name}/team/closed:1', f'login {registry.name}']))
            assert service.password not in kept
    finally:
        registry.close()
        service.close()


def test_a_broken_configuration_is_not_overwritten(home, closed):
    """Docker overwrites it, and with it every credential in it; this is where we differ."""
    said, kept, _ = home.one('sampan', '{"auths": {"a": {"auth": "YTpi"}},}', [f'login -u bob --password-stdin {closed.name} <<< secret', 'logout a'])
    assert kept == '{"auths": {"a": {"auth": "YTpi"}},}'
    assert said[0][1] == 1 and 'could not be read and would be overwritten: mend it or move it away' in said[0][3]


def test_unknown_keys_are_kept(home, closed):
    """Docker drops what it does not know; this is where we differ."""
    _, kept, _ = home.one('sampan', {'later': {'a': [1.50]}, 'auths': {}}, [f'login -u bob --password-stdin {closed.name} <<< secret'])
    assert json.loads(kept)['later'] == {'a': [1.5]} and closed.name in json.loads(kept)['auths']
