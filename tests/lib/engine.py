"""A sampand of a test's own: roots, socket and subnet apart from everything else on the host."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

BIN = os.environ.get('SAMPAN_BIN') or os.path.join(os.path.dirname(__file__), '../../build/ci/bin')
BIN = os.path.abspath(BIN)
DOCKER = os.environ.get('SAMPAN_DOCKER') or shutil.which('docker')


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__('localhost', timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode(errors='replace')

    @property
    def json(self):
        return json.loads(self.text)


def within_etc(folder):
    """A daemon that sees the files of `folder` over those of /etc: hosts, docker/certs.d. Nobody else does."""
    return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
            'mount -t overlay overlay -o "lowerdir=$1:/etc" /etc && mount --bind "$1/docker/certs.d" /etc/docker/certs.d && shift && exec "$@"',
            'sh', str(folder)]


class Engine:
    count = 0

    def __init__(self, args=(), faults='', env=None, bip=None, prefix=()):
        """`prefix`: a command that ends by executing its arguments, such as within_etc()."""
        Engine.count += 1
        self.root = tempfile.mkdtemp(prefix='sampan-test-', dir='/var/lib')
        os.chmod(self.root, 0o711)
        self.run = tempfile.mkdtemp(prefix='sampan-test-', dir='/run')
        self.socket = self.run + '/sampan.sock'
        self.host = 'unix://' + self.socket
        self.bip = bip or f'10.{200 + os.getpid() % 50}.{Engine.count % 250}.1/24'
        self.args, self.extra_env, self.prefix = list(args), dict(env or {}), list(prefix)
        self.log_path = self.root + '/daemon.log'
        self.process = None
        self.start(faults=faults)

    # ---- the daemon's life
    def start(self, faults='', wait=True):
        env = dict(os.environ, **self.extra_env)
        env.pop('SAMPAN_FAULT', None)
        if faults:
            env['SAMPAN_FAULT'] = faults
        log = open(self.log_path, 'ab')
        self.process = subprocess.Popen(
            [*self.prefix, BIN + '/sampand', '-H', self.host, '--data-root', self.root + '/data', '--exec-root', self.run + '/exec',
             '--pidfile', self.run + '/pid', '--bip', self.bip, '--debug', '--insecure-registry', '127.0.0.0/8', *self.args],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        log.close()
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.get('/_ping').status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None:
                raise RuntimeError(f'sampand ended with {self.process.returncode}:\n{self.log()}')
            time.sleep(0.01)
        raise RuntimeError('sampand did not answer:\n' + self.log())

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise RuntimeError('sampand did not stop:\n' + self.log())
        return self.process.returncode

    @property
    def instance(self):
        """What prefixes this engine's links, tables and cgroups."""
        with open(self.root + '/data/engine-id') as file:
            return file.read()[:6]

    def restart(self, faults=''):
        self.stop()
        self.start(faults=faults)

    def log(self, lines=60):
        try:
            return ''.join(open(self.log_path, errors='replace').readlines()[-lines:])
        except OSError:
            return ''

    def close(self):
        """Removes every container, stops the daemon, removes its roots. Returns the log's tail."""
        if self.process.poll() is not None:
            self.start()
        for container in self.get('/containers/json?all=1').json:
            self.request('DELETE', f"/containers/{container['Id']}?force=1&v=1")
        code = self.stop()
        text = self.log()
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(self.run, ignore_errors=True)
        assert code == 0, f'sampand exited with {code}:\n{text}'
        return text

    # ---- the API
    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = UnixConnection(self.socket, timeout)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault('Content-Type', 'application/json')
        connection.request(method, path, body, headers)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def get(self, path, **kw):
        return self.request('GET', path, **kw)

    def post(self, path, body=None, **kw):
        return self.request('POST', path, body, **kw)

    def delete(self, path, **kw):
        return self.request('DELETE', path, **kw)

    def filters(self, **kw):
        return 'filters=' + urllib.parse.quote(json.dumps(kw))


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f'exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}'


class Client:
    """One of the command lines, pointed at an engine."""

    def __init__(self, name, program, host):
        self.name, self.program, self.host = name, program, host
        self.config = tempfile.mkdtemp(prefix='sampan-test-config-')

    def env(self):
        return dict(os.environ, DOCKER_HOST=self.host, DOCKER_CONFIG=self.config, DOCKER_CLI_HINTS='false')

    def __call__(self, *args, input=None, check=True, timeout=120, binary=False):
        done = subprocess.run([self.program, *map(str, args)], input=input, capture_output=True, env=self.env(),
                              timeout=timeout, text=not binary)
        result = Result(done.returncode, done.stdout, done.stderr)
        if check:
            assert done.returncode == 0, f'{self.name} {" ".join(map(str, args))}: {result}'
        return result

    def out(self, *args, **kw):
        return self(*args, **kw).out.strip()

    def sh(self, script, *flags, **kw):
        """A shell script in a container of its own that is gone afterwards; flags are those of run."""
        return self('run', '--rm', *flags, 'busybox', 'sh', '-c', script, **kw)

    def inspect(self, *names):
        """The first of `names`, as inspect prints it."""
        return json.loads(self.out('inspect', *names))[0]

    def popen(self, *args, **kw):
        return subprocess.Popen([self.program, *map(str, args)], env=self.env(), **kw)

    def close(self):
        shutil.rmtree(self.config, ignore_errors=True)
