"""What people run: databases and servers of Debian as containers, with their data in volumes and their users changed as official
images do it."""
import json
import os
import pty
import socket
import time
import urllib.request

import pytest

from lib import images
from lib.engine import BIN, Client, Engine

pytestmark = pytest.mark.slow

# As the entrypoints of official images: as root own the data, then become the service's user.
POSTGRES = r'''set -e
if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql; chown -R postgres:postgres "$PGDATA" /var/run/postgresql; chmod 700 "$PGDATA"
  exec gosu postgres sh /entry "$@"
fi
bin=$(ls -d /usr/lib/postgresql/*/bin)
[ -s "$PGDATA/PG_VERSION" ] || { $bin/initdb -A trust -E UTF8 --locale=C >/dev/null; echo "host all all all trust" >>"$PGDATA/pg_hba.conf"; }
exec $bin/postgres -c listen_addresses='*'
'''
REDIS = r'''set -e
if [ "$(id -u)" = 0 ]; then
  chown -R redis:redis .; exec setpriv --reuid=redis --regid=redis --clear-groups -- sh /entry "$@"
fi
umask 0077; exec redis-server --bind 0.0.0.0 --protected-mode no --dir /data --appendonly yes
'''
NGINX = r'''set -e
mkdir -p /data/html; [ -f /data/html/index.html ] || echo "made by $(hostname)" >/data/html/index.html
printf 'server { listen 80; root /data/html; }\n' >/etc/nginx/conf.d/default.conf; rm -f /etc/nginx/sites-enabled/*
exec nginx -g 'daemon off;'
'''


@pytest.fixture(scope='module')
def machine(nothing_left):
    engine = Engine()
    client = Client('docker-debian', os.environ.get('SAMPAN_DOCKER') or 'docker', engine.host)
    from conftest import import_image
    import_image(engine, images.services_tar(), 'services:base', ['CMD ["bash"]'])
    yield engine, client
    client.close()
    engine.close()


class Service:
    """One service: its entrypoint comes in by a bind mount, everything else is the image."""

    def __init__(self, machine, tmp_path, name, script, volume, flags=()):
        self.engine, self.docker = machine
        self.name, self.volume = name, volume
        entry = tmp_path / (name + '.sh')
        entry.write_text(script)
        self.flags = ['-v', f'{entry}:/entry:ro', '-v', f'{name}-data:{volume}', '--entrypoint', 'sh', *flags]

    def start(self, *more):
        self.docker('run', '-d', '--name', self.name, *self.flags, *more, 'services:base', '/entry')

    def run_in(self, *words, check=True):
        return self.docker('exec', self.name, *words, check=check)

    def stop(self, code=0):
        self.docker('stop', '-t', '60', self.name)
        state = json.loads(self.docker.out('inspect', self.name))[0]['State']
        logs = self.docker('logs', self.name)
        assert state['ExitCode'] == code, (state, logs.out[-2000:], logs.err[-2000:])
        return logs.out + logs.err

    def remove(self):
        self.docker('rm', '-f', self.name)

    def port(self, inside):
        return int(self.docker.out('port', self.name, inside).splitlines()[0].rsplit(':', 1)[1])

    def users(self):
        return {line.split()[1] for line in self.docker.out('top', self.name, '-eo', 'pid,uid,args').splitlines()[1:]}

    def clean(self):
        self.docker('rm', '-f', self.name, check=False)
        self.docker('volume', 'rm', '-f', self.name + '-data')


def wait_for(condition, seconds=60, what=''):
    deadline = time.time() + seconds
    while True:
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError):
            pass
        assert time.time() < deadline, what
        time.sleep(0.2)


def test_postgresql_keeps_its_data_and_shuts_down(machine, tmp_path):
    engine, docker = machine
    service = Service(machine, tmp_path, 'postgres', POSTGRES, '/var/lib/postgresql/data',
                      ['-e', 'PGDATA=/var/lib/postgresql/data', '--stop-signal', 'SIGINT', '--shm-size', '128m', '-p', '127.0.0.1::5432'])

    def sql(text):
        return service.run_in('gosu', 'postgres', 'psql', '-Atqc', text).out.strip()
    try:
        service.start()
        wait_for(lambda: sql('select 1') == '1', what='postgres')
        assert '0' not in service.users(), service.users()
        sql('create table t(x int)')
        sql('insert into t select generate_series(1, 50000)')
        # The published port answers the protocol: a request for TLS is answered with N or S.
        with socket.create_connection(('127.0.0.1', service.port('5432')), timeout=10) as door:
            door.sendall(b'\0\0\0\x08\x04\xd2\x16\x2f')
            assert door.recv(1) in (b'N', b'S')
        # The daemon dies; the server does not notice.
        engine.kill9()
        engine.start()
        assert sql('select count(*) from t') == '50000'
        sql('insert into t values (-1)')
        assert 'database system is shut down' in service.stop(0)
        # The same container again, then another one on the same volume.
        docker('start', 'postgres')
        wait_for(lambda: sql('select count(*) from t') == '50001', what='postgres again')
        service.stop(0)
        service.remove()
        service.start()
        wait_for(lambda: sql('select count(*) from t') == '50001', what='postgres on its volume')
        # Killed hard, it recovers.
        docker('kill', 'postgres')
        service.remove()
        service.start()
        wait_for(lambda: sql('select count(*) from t') == '50001', what='postgres after a kill')
        service.stop(0)
    finally:
        service.clean()


def test_redis_keeps_its_data(machine, tmp_path):
    engine, docker = machine
    service = Service(machine, tmp_path, 'redis', REDIS, '/data', ['-w', '/data', '-p', '127.0.0.1::6379', '--sysctl', 'net.core.somaxconn=511'])

    def talk(*words):
        with socket.create_connection(('127.0.0.1', service.port('6379')), timeout=10) as door:
            door.sendall(' '.join(words).encode() + b'\r\n')
            return door.recv(4096)
    try:
        service.start()
        wait_for(lambda: talk('PING') == b'+PONG\r\n', what='redis')
        assert '0' not in service.users()
        assert service.run_in('cat', '/proc/1/status').out.count('CapEff:\t0000000000000000') == 1, 'the user has no capabilities left'
        assert talk('SET', 'key', 'value') == b'+OK\r\n'
        engine.kill9()
        engine.start()
        assert talk('GET', 'key') == b'$5\r\nvalue\r\n'
        assert 'ready to exit' in service.stop(0)
        service.remove()
        service.start()
        wait_for(lambda: talk('GET', 'key') == b'$5\r\nvalue\r\n', what='redis on its volume')
        service.stop(0)
    finally:
        service.clean()


def test_nginx_serves_its_volume_through_a_published_port(machine, tmp_path):
    engine, docker = machine
    service = Service(machine, tmp_path, 'nginx', NGINX, '/data', ['-p', '127.0.0.1::80', '--stop-signal', 'SIGQUIT', '-h', 'first'])

    def page():
        return urllib.request.urlopen(f"http://127.0.0.1:{service.port('80')}/", timeout=10).read().decode()
    try:
        service.start()
        assert wait_for(page) == 'made by first\n'
        workers = service.users()
        assert '33' in workers and '0' in workers, workers     # master as root, workers as www-data
        service.run_in('sh', '-c', 'echo changed > /data/html/index.html')
        engine.kill9()
        engine.start()
        assert page() == 'changed\n'
        service.run_in('nginx', '-s', 'reload')
        assert wait_for(page) == 'changed\n'
        service.stop(0)
        docker('start', 'nginx')
        assert wait_for(page) == 'changed\n'
        service.stop(0)
        service.remove()
        service.start()
        assert wait_for(page) == 'changed\n'
    finally:
        service.clean()


def test_services_find_each_other_by_name(machine, tmp_path):
    engine, docker = machine
    docker('network', 'create', 'backend')
    service = Service(machine, tmp_path, 'redis', REDIS, '/data', ['-w', '/data', '--network', 'backend'])
    try:
        service.start()
        answer = wait_for(lambda: docker.out('run', '--rm', '--network', 'backend', 'services:base', 'redis-cli', '-h', 'redis', 'ping'))
        assert answer == 'PONG'
    finally:
        service.clean()
        docker('network', 'rm', 'backend')


@pytest.mark.parametrize('program', ['sampan', 'docker'])
def test_packages_are_installed_in_a_terminal(machine, program):
    """docker run --rm -it debian bash -c 'apt-get update && apt-get install -y nginx && nginx -v'"""
    engine, docker = machine
    from conftest import import_image
    import_image(engine, images.debian_tar(), 'debian:bookworm', ['CMD ["bash"]'])
    client = docker if program == 'docker' else Client('sampan', BIN + '/sampan', engine.host)
    master, slave = pty.openpty()
    process = client.popen('run', '--rm', '-it', 'debian:bookworm', 'bash', '-c', 'apt-get update && apt-get install -y nginx && nginx -v',
                           stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    output = b''
    try:
        while True:
            output += os.read(master, 65536)
    except OSError:
        pass
    assert process.wait(600) == 0, output[-3000:].decode(errors='replace')
    assert b'nginx version: nginx/' in output
