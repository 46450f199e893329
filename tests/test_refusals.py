"""What is refused or not there: with Docker's status, which clients act on, and its words, which scripts read."""
import json
import urllib.parse

import pytest


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


def created(engine, name='one', start=False, **host):
    answer = engine.post('/containers/create?name=' + name, {'Image': 'busybox', 'Cmd': ['sleep', '1000'], 'HostConfig': host})
    assert answer.status == 201, answer.text
    if start:
        assert engine.post(f'/containers/{name}/start').status == 204
    return answer.json['Id']


def records(engine):
    return [container['Names'][0] for container in engine.get('/containers/json?all=1').json]


def said(answer):
    return answer.status, answer.json['message']


# ---- create

@pytest.mark.parametrize('host,text', [
    ({'PidMode': 'container:nope'}, 'No such container: nope'), ({'IpcMode': 'container:nope'}, 'No such container: nope'),
    ({'VolumesFrom': ['nope']}, 'No such container: nope'), ({'VolumesFrom': ['nope:ro']}, 'No such container: nope'),
    ({'PidMode': 'container:'}, 'invalid PID mode: container:'), ({'IpcMode': 'container:'}, 'invalid IPC mode: container:'),
    ({'NetworkMode': 'container:'}, 'invalid network mode: invalid container format container:<name|id>'),
    ({'VolumesFrom': ['']}, 'volumes-from specification cannot be an empty string'), ({'VolumesFrom': ['nope:odd']}, 'invalid mode: odd')])
def test_a_create_that_names_no_container_is_no_missing_image(engine, host, text):
    assert said(engine.post('/containers/create', {'Image': 'busybox', 'HostConfig': host})) == (400, text)
    assert records(engine) == []


@pytest.mark.parametrize('flag', ['--pid', '--ipc', '--network', '--volumes-from'])
def test_the_official_client_does_not_pull_for_a_missing_container(docker, flag):
    failed = docker('run', '--rm', flag, 'nope' if flag == '--volumes-from' else 'container:nope', 'busybox', 'true', check=False)
    assert failed.code == 125 and 'No such container: nope' in failed.err and 'Unable to find image' not in failed.err, failed


def test_whose_network_is_asked_for_at_the_start(engine):
    created(engine, NetworkMode='container:later')
    assert said(engine.post('/containers/one/start')) == (500, 'joining network namespace of container: No such container: later')
    created(engine, 'later', start=True)
    assert engine.post('/containers/one/start').status == 204


@pytest.mark.parametrize('address', ['::1', '::'])
def test_publishing_on_ipv6_is_refused_before_there_is_a_record(engine, docker, address):
    answer = engine.post('/containers/create', {'Image': 'busybox', 'HostConfig': {'PortBindings': {'80/tcp': [{'HostIp': address, 'HostPort': '0'}]}}})
    assert answer.status == 501 and 'HostConfig.PortBindings' in answer.json['message'] and address in answer.json['message']
    assert docker('run', '-d', '-p', f'[{address}]::80', 'busybox', 'true', check=False).code == 125
    assert records(engine) == []


# ---- names with a slash

@pytest.mark.parametrize('method,path,text', [
    ('GET', '/containers/a/b/json', 'No such container: a/b'), ('POST', '/containers/a/b/start', 'No such container: a/b'),
    ('POST', '/containers/a/b/stop', 'No such container: a/b'), ('POST', '/containers/a/b/wait', 'No such container: a/b'),
    ('GET', '/containers/a/b/logs?stdout=1', 'No such container: a/b'), ('DELETE', '/containers/a/b', 'No such container: a/b'),
    ('DELETE', '/containers/a%2Fb', 'No such container: a/b'), ('GET', '/containers/a/json/json', 'No such container: a/json'),
    ('POST', '/containers/a/b/exec', 'No such container: a/b'), ('GET', '/networks/a/b', 'network a/b not found'),
    ('DELETE', '/networks/a/b', 'network a/b not found'), ('DELETE', '/volumes/a/b', 'get a/b: no such volume'),
    ('GET', '/volumes/a/b', 'get a/b: no such volume'), ('GET', '/exec/a/b/json', 'No such exec instance: a/b'),
    ('POST', '/exec/a/b/start', 'No such exec instance: a/b')])
def test_names_with_a_slash_are_names(engine, method, path, text):
    body = {'Cmd': ['true']} if method == 'POST' and 'exec' in path else None
    assert said(engine.request(method, path, body)) == (404, text)


def test_the_clients_say_which_name_with_a_slash(cli):
    # docker 20.10 has words of its own for what it inspects.
    old = cli.name == 'docker-debian'
    network, volume = ('No such network: a/b', 'No such volume: a/b') if old else ('network a/b not found', 'get a/b: no such volume')
    for words, text in [(('stop', 'a/b'), 'No such container: a/b'), (('logs', 'a/b'), 'No such container: a/b'), (('exec', 'a/b', 'ls'), 'No such container: a/b'),
                        (('inspect', '--type', 'container', 'r1/busybox'), 'No such container: r1/busybox'), (('network', 'inspect', 'a/b'), network),
                        (('volume', 'rm', 'a/b'), volume)]:
        failed = cli(*words, check=False)
        assert failed.code == 1 and text in failed.err, (words, failed)


# ---- filters

@pytest.mark.parametrize('path,key,value,status,text', [
    ('/containers/json', 'status', 'odd', 400, "invalid filter 'status=odd': invalid value for state (odd): must be one of created, running, paused, restarting, removing, exited, dead"),
    ('/containers/json', 'health', 'odd', 400, "invalid filter 'health=odd': invalid value for health (odd): must be one of none, starting, healthy, unhealthy"),
    ('/containers/json', 'exited', 'x', 400, 'invalid filter \'exited=x\': strconv.Atoi: parsing "x": invalid syntax'),
    ('/containers/json', 'is-task', 'x', 400, "invalid filter 'is-task=[x]'"),
    ('/containers/json', 'publish', 'x', 500, 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'),
    ('/containers/json', 'expose', '90-80', 500, 'error while looking up for expose 90-80: Invalid range specified for the Port: 90-80'),
    ('/containers/json', 'publish', '70000', 500, 'error while looking up for publish 70000: strconv.ParseUint: parsing "70000": value out of range'),
    ('/containers/json', 'expose', '', 500, 'error while looking up for expose : Empty string specified for ports.'),
    ('/networks', 'type', 'x', 500, "invalid filter: 'type'='x'")])
def test_filters_say_which_value_is_wrong(engine, path, key, value, status, text):
    assert said(engine.get(f'{path}?all=1&' + engine.filters(**{key: [value]}))) == (status, text)


def test_ports_are_those_of_what_runs(engine):
    def listed(**filters):
        return sorted(name for c in engine.get('/containers/json?all=1&' + engine.filters(**filters)).json for name in c['Names'])
    ports = {'PortBindings': {'80/tcp': [{'HostIp': '127.0.0.1', 'HostPort': ''}]}}
    created(engine, 'fresh', **ports)
    created(engine, 'done', start=True, **ports)
    engine.post('/containers/done/stop?t=0')
    created(engine, 'web', start=True, **ports)
    port = engine.get('/containers/web/json').json['NetworkSettings']['Ports']['80/tcp'][0]['HostPort']
    assert listed(publish=[port]) == ['/web'] and listed(publish=[port + '/tcp', '1']) == ['/web']
    assert listed(publish=['80']) == [] and listed(publish=[port + '/udp']) == []
    assert listed(expose=['80']) == ['/web'] == listed(expose=['79-81/tcp']) and listed(expose=['81']) == []
    assert listed(isolation=['hyperv']) == ['/done', '/fresh', '/web']


def test_networks_are_found_by_prefix(engine, docker):
    id = docker.out('network', 'create', 'net1')
    docker('run', '-d', '--name', 'member', '--network', 'net1', 'busybox', 'sleep', '1000')
    for text in (id, id[:12], id[:6], 'net1'):
        assert docker.out('ps', '--filter', 'network=' + text, '--format', '{{.Names}}') == 'member', text
    assert docker.out('ps', '--filter', 'network=net', '--format', '{{.Names}}') == ''


# ---- networks

def test_a_removed_network_can_be_given_up(engine, docker):
    docker('network', 'create', 'gone')
    created(engine, 'main', NetworkMode='gone')
    created(engine, 'extra')
    docker('network', 'connect', 'gone', 'extra')
    docker('network', 'rm', 'gone')
    assert said(engine.post('/containers/extra/start')) == (404, 'failed to set up container networking: network gone not found')
    for name, flags in (('main', []), ('extra', ['-f'])):
        docker('network', 'disconnect', *flags, 'gone', name)
        again = docker('network', 'disconnect', 'gone', name, check=False)
        assert again.code == 1 and 'is not connected to the network gone' in again.err
        docker('start', name)
    assert list(docker.inspect('extra')['NetworkSettings']['Networks']) == ['bridge']
    assert said(engine.post('/networks/gone/disconnect', {'Container': 'extra'})) == (404, 'network gone not found')


def test_connecting_twice_before_the_start_is_connecting_once(engine, docker):
    docker('network', 'create', 'twice')
    created(engine)
    for _ in range(2):
        docker('network', 'connect', 'twice', 'one')
    docker('start', 'one')
    assert set(docker.inspect('one')['NetworkSettings']['Networks']) == {'bridge', 'twice'}
    assert said(engine.post('/networks/twice/connect', {'Container': 'one'})) == (403, 'endpoint with name one already exists in network twice')
    assert said(engine.post('/networks/host/connect', {'Container': 'one'})) == (
        400, 'cannot connect container to host network - container must be created in host network mode')
    assert said(engine.post('/networks/twice/disconnect', {'Container': 'nope', 'Force': True})) == (404, 'endpoint nope not found')


# ---- images

def test_virtual_size_is_for_old_clients(engine):
    for path in ('/images/json', '/images/busybox/json'):
        assert 'VirtualSize' not in engine.get('/v1.44' + path).text and 'VirtualSize' in engine.get('/v1.43' + path).text
