"""Published ports in every form, what port and inspect say of them, and that they are free again at once."""
import os
import socket
import subprocess
import sys
import urllib.request

import pytest

ROUNDS = 200 if os.environ.get('SAMPAN_TEST_MODE') == 'full' else 30


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


def free_ports(count, kind=socket.SOCK_STREAM):
    """Consecutive ports of the host that nobody has."""
    for first in range(23000 + os.getpid() % 5000, 60000, count):
        try:
            for port in range(first, first + count):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(('0.0.0.0', port))
            return first
        except OSError:
            continue
    raise AssertionError('no free ports')


def fetch(port, host='127.0.0.1'):
    try:
        return urllib.request.urlopen(f'http://{host}:{port}/hostname', timeout=3).read().decode().strip()
    except OSError:
        return ''


def web(docker, name, *flags):
    return docker.out('run', '-d', '--name', name, *flags, 'busybox', 'httpd', '-f', '-h', '/etc')


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


@pytest.mark.smoke
def test_port_by_number_address_and_protocol(cli, eventually):
    first = free_ports(3)
    id = web(cli, 'web', '-p', f'{first}:80', '-p', f'127.0.0.1:{first + 1}:80/tcp', '-p', f'{first + 2}:53/udp')
    assert eventually(lambda: fetch(first)) == id[:12] and fetch(first + 1) == id[:12]
    lines = set(cli.out('port', 'web').splitlines())
    assert {f'80/tcp -> 0.0.0.0:{first}', f'80/tcp -> 127.0.0.1:{first + 1}', f'53/udp -> 0.0.0.0:{first + 2}'} <= lines
    assert cli.out('port', 'web', '53/udp').splitlines()[0] == f'0.0.0.0:{first + 2}'
    assert cli('port', 'web', '81', check=False).code == 1
    shown = cli.inspect('web')
    assert {(end['HostIp'], end['HostPort']) for end in shown['NetworkSettings']['Ports']['80/tcp']} >= {('0.0.0.0', str(first)), ('127.0.0.1', str(first + 1))}
    assert f'127.0.0.1:{first + 1}->80/tcp' in cli.out('ps', '--format', '{{.Ports}}')
    cli('stop', '-t', '0', 'web')
    assert cli.out('port', 'web') == '' and not answers(first) and cli.inspect('web')['NetworkSettings']['Ports'] == {}


def test_datagrams_come_through_and_back(docker, eventually):
    port = free_ports(1, socket.SOCK_DGRAM)
    docker('run', '-d', '--name', 'echo', '-p', f'127.0.0.1:{port}:9/udp', 'busybox', 'sleep', '1000')
    # busybox has no server for datagrams: one of the host's, in the container's network namespace.
    server = 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(("", 9))\nwhile 1: s.sendto(*s.recvfrom(100))'
    inside = subprocess.Popen(['nsenter', f"--net=/proc/{docker.inspect('echo')['State']['Pid']}/ns/net", sys.executable, '-c', server])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        def round_trip():
            client.sendto(b'ahoy', ('127.0.0.1', port))
            try:
                return client.recv(100) == b'ahoy'
            except OSError:
                return False
        try:
            eventually(round_trip, 20, 'the datagram')
        finally:
            inside.kill()
            inside.wait()


def test_ranges_and_ports_of_the_engines_choice(docker, eventually):
    first = free_ports(4)
    web(docker, 'ranged', '-p', f'{first}-{first + 1}:80-81')
    assert {line.split(' -> ')[1] for line in docker.out('port', 'ranged').splitlines()} >= {f'0.0.0.0:{first}', f'0.0.0.0:{first + 1}'}
    web(docker, 'within', '-p', f'{first}-{first + 3}:80')    # the first of the range that is free
    assert docker.out('port', 'within', '80').splitlines()[0] == f'0.0.0.0:{first + 2}'
    web(docker, 'chosen', '-p', '80')
    port = int(docker.out('port', 'chosen', '80').splitlines()[0].rsplit(':', 1)[1])
    assert port >= 32768 and eventually(lambda: fetch(port))
    uneven = docker('run', '--rm', '-p', f'{first}-{first + 2}:80-81', 'busybox', 'true', check=False)
    assert uneven.code == 125
    assert docker('run', '--rm', '-p', '99999:80', 'busybox', 'true', check=False).code == 125


def test_exposed_ports_are_published_on_request(docker, eventually):
    web(docker, 'all', '-P', '--expose', '80', '--expose', '5000-5001/udp')
    shown = docker.inspect('all')
    assert set(shown['NetworkSettings']['Ports']) == {'80/tcp', '5000/udp', '5001/udp'} == set(shown['Config']['ExposedPorts'])
    port = int(docker.out('port', 'all', '80').splitlines()[0].rsplit(':', 1)[1])
    assert eventually(lambda: fetch(port))
    web(docker, 'only', '--expose', '80')
    assert docker.out('port', 'only') == '' and docker.inspect('only')['NetworkSettings']['Ports'] == {'80/tcp': None}
    assert docker.out('ps', '--filter', 'name=only', '--format', '{{.Ports}}') == '80/tcp'
    assert docker.out('ps', '-q', '--filter', 'expose=5000/udp').count('\n') == 0 and docker.out('ps', '-q', '--filter', 'expose=5000/udp')
    assert docker.out('ps', '-q', '--filter', 'publish=5999') == ''


def test_a_taken_port_is_named_and_nothing_is_left(docker, eventually):
    first = free_ports(2)
    web(docker, 'holder', '-p', f'{first}:80')
    second = docker('run', '-d', '--name', 'second', '-p', f'{first}:80', 'busybox', 'true', check=False)
    assert second.code == 125 and 'port is already allocated' in second.err, second
    shown = docker.inspect('second')
    assert shown['State']['Status'] == 'created' and shown['NetworkSettings']['Ports'] == {}
    with socket.socket() as other:
        other.bind(('0.0.0.0', first + 1))
        other.listen()
        foreign = docker('run', '-d', '--name', 'third', '-p', f'{first + 1}:80', 'busybox', 'true', check=False)
        assert foreign.code == 125 and 'address already in use' in foreign.err.lower(), foreign
    docker('rm', '-f', 'holder')
    docker('start', 'second')


def test_host_mode_discards_ports_with_a_warning(docker):
    result = docker('create', '--network', 'host', '-p', '80:80', '--name', 'onhost', 'busybox', 'true')
    assert 'Published ports are discarded when using host network mode' in result.err
    assert docker.inspect('onhost')['HostConfig']['PortBindings'] in ({}, None)


def test_same_port_again_and_again(engine, docker, eventually):
    """rm -f and run -p with one port, through the API: no round may find the port taken or silent."""
    port = free_ports(1)
    body = {'Image': 'busybox', 'Cmd': ['httpd', '-f', '-h', '/etc'], 'ExposedPorts': {'80/tcp': {}},
            'HostConfig': {'PortBindings': {'80/tcp': [{'HostPort': str(port)}]}}}
    for number in range(ROUNDS):
        created = engine.post('/containers/create?name=again', body)
        assert created.status == 201, (number, created.text)
        started = engine.post('/containers/again/start')
        assert started.status == 204, (number, started.text)
        assert eventually(lambda: fetch(port), 10, f'round {number}') == created.json['Id'][:12]
        assert engine.delete('/containers/again?force=1').status == 204


def test_restart_with_the_same_address_again_and_again(engine, docker):
    docker('network', 'create', '--subnet', '10.213.9.0/24', 'fixed')
    docker('run', '-d', '--name', 'fix', '--network', 'fixed', '--ip', '10.213.9.9', 'busybox', 'sleep', '1000')
    for number in range(ROUNDS):
        answer = engine.post('/containers/fix/restart?t=0')
        assert answer.status == 204, (number, answer.text)
        shown = engine.get('/containers/fix/json').json
        assert shown['State']['Running'] and shown['NetworkSettings']['Networks']['fixed']['IPAddress'] == '10.213.9.9', number
    assert '10.213.9.9' in docker.out('exec', 'fix', 'ip', '-4', 'addr', 'show', 'eth0')
