"""What registries, images, clients and a damaged database may say: it is bounded, and refused in words."""
import io
import json
import os
import select
import socket
import sqlite3
import tarfile
import time

import pytest

from lib import images
from lib.engine import Engine
from lib.pulling import layer, refused, registry, unchanged  # noqa: F401
from lib.registry import answering
from test_registry_content import on_a_terminal


def ended(engine, id):
    """The exit code of a container that ends by itself."""
    assert engine.post(f'/containers/{id}/start').status == 204
    return engine.post(f'/containers/{id}/wait').json['StatusCode']


# ---- registries

def raw(handler, data):
    handler.connection.sendall(data)
    handler.close_connection = True


def test_interim_answers_without_end(docker, registry, unchanged):
    registry.image('team/app', '1', [layer()])
    def flood(handler):
        try:
            while True:
                raw(handler, b'HTTP/1.1 100 Continue\r\n\r\n' * 1000)
        except OSError:
            return True
    with registry.fault('manifests/1', flood):
        assert 'too many 1xx informational responses' in refused(docker, 'pull', f'{registry.name}/team/app:1')


@pytest.mark.parametrize('how', ['redirect', 'token service', 'next page'])
def test_no_registry_leads_to_a_socket_of_the_host(docker, registry, unchanged, tmp_path, how):
    registry.image('team/app', '1', [layer()])
    with socket.socket(socket.AF_UNIX) as victim:
        victim.bind(f'{tmp_path}/victim.sock')
        victim.listen()
        where = f'unix://{tmp_path}/victim.sock'
        fault = {'redirect': answering(302, 9, Location=where),
                 'token service': answering(401, 9, 'UNAUTHORIZED', 'x', WWW_Authenticate=f'Bearer realm="{where}",service="x"'),
                 'next page': answering_page(f'<{where}>; rel="next"')}[how]
        words = ['-a', f'{registry.name}/team/app'] if how == 'next page' else [f'{registry.name}/team/app:1']
        with registry.fault('manifests/1|tags/list', fault):
            assert 'unsupported protocol scheme "unix"' in refused(docker, 'pull', *words)
        assert not select.select([victim], [], [], 0.2)[0], 'the daemon has connected to a socket of the host'


def answering_page(link, tags=()):
    def fault(handler):
        handler.answer(200, {'name': 'x', 'tags': list(tags)}, Link=link)
        return True
    return fault


def test_lists_of_tags_without_end(docker, registry, unchanged):
    registry.image('team/app', '1', [layer()])
    with registry.fault('tags/list', answering_page('</v2/team/app/tags/list?n=1>; rel="next"')):
        assert 'does not end' in refused(docker, 'pull', '-a', f'{registry.name}/team/app')
    assert len(registry.seen('tags/list')) < 100


def test_errors_of_a_registry_move_no_cursor(engine, sampan, registry, unchanged):
    registry.image('team/app', '1', [layer()])
    with registry.fault('manifests/1', answering(404, 9, 'MANIFEST_UNKNOWN', 'evil\x1b]0;owned\x07\x1b[2Jtext\r\u009b2J')):
        code, text = on_a_terminal(sampan, 'pull', f'{registry.name}/team/app:1')
        told = engine.post(f'/images/create?fromImage={registry.name}/team/app&tag=1').json['message']
    assert code == 1 and 'text' in text
    assert '\x1b' not in told and '\x07' not in told and '\u009b' not in told
    assert '\x1b]0' not in text and '\x1b[2J' not in text and '\x07' not in text and '\u009b' not in text, repr(text)


# ---- images and requests

def test_events_are_small_whatever_labels_or_a_command_say(nothing_left):
    own = Engine()
    try:
        images.import_bytes(own, open(images.busybox_tar(), 'rb').read(), 'busybox', ['CMD ["sh"]'])
        labels = {f'l{i}': 'x' * 50_000 for i in range(20)} | {'com.docker.compose.project': 'shop'}
        size = lambda: sum(os.path.getsize(f'{own.root}/data/{name}') for name in os.listdir(f'{own.root}/data') if name.startswith('state.db'))
        for i in range(12):
            id = own.post('/containers/create', {'Image': 'busybox', 'Cmd': ['true'], 'Labels': labels}).json['Id']
            assert ended(own, id) == 0 and own.delete(f'/containers/{id}').status == 204
        id = own.post('/containers/create', {'Image': 'busybox', 'Cmd': ['sleep', '1000']}).json['Id']
        assert own.post(f'/containers/{id}/start').status == 204
        before = size()
        for i in range(20):
            assert own.post(f'/containers/{id}/exec', {'Cmd': ['echo', 'y' * 1_500_000]}).status == 201
        assert size() - before < 10 << 20, 'the commands stand in the database'
        own.delete(f'/containers/{id}?force=1')
        shown = own.get(f'/events?since=1&until={time.time():.9f}')
        told = [json.loads(line) for line in shown.text.splitlines()]
        assert max(len(line) for line in shown.text.splitlines()) < 40_000
        starts = [event for event in told if event['Action'] == 'start']
        assert len(starts) == 13 and all(event['Actor']['Attributes']['image'] == 'busybox' for event in starts)
        assert [event['Actor']['Attributes'].get('com.docker.compose.project') for event in starts][:12] == ['shop'] * 12
        execs = [event['Action'] for event in told if event['Action'].startswith('exec_create')]
        assert len(execs) == 20 and execs[0].startswith('exec_create: echo yyy') and execs[0].endswith('y…')
    finally:
        own.close()


def test_many_variables_are_no_hurdle_and_too_many_are_refused(engine, busybox):
    def made(env):
        return engine.post('/containers/create', {'Image': 'busybox', 'Cmd': ['sh', '-c', 'env | grep -c ^V'], 'Env': env})
    for count in (10, 20_000):
        answer = made([f'V{i}=1' for i in range(count)])
        assert answer.status == 201 and ended(engine, answer.json['Id']) == 0
        engine.delete(f"/containers/{answer.json['Id']}?force=1")
    refusal = made([f'V{i}={"x" * 100_000}' for i in range(70)])
    assert refusal.status == 400 and 'argument list too long' in refusal.json['message']
    answer = made(['V=' + 'x' * 200_000])    # more than one string may have
    assert answer.status == 201
    start = engine.post(f"/containers/{answer.json['Id']}/start")
    assert start.status in (400, 500) and 'argument list too long' in start.json['message'], start.text
    engine.delete(f"/containers/{answer.json['Id']}?force=1")


@pytest.mark.parametrize('options,words', [({'max-file': '99999999999'}, 'max-file cannot be more than 1000'), ({'max-file': '0'}, 'less than 1'),
                                           ({'max-file': 'x'}, 'max-file is no number'), ({'max-size': '0'}, 'max-size must be a positive number'),
                                           ({'max-size': 'abc'}, "invalid size: 'abc'")])
def test_options_of_logs_are_bounded(engine, busybox, options, words):
    refusal = engine.post('/containers/create', {'Image': 'busybox', 'HostConfig': {'LogConfig': {'Type': 'json-file', 'Config': options}}})
    assert refusal.status == 400 and words in refusal.json['message'], refusal.text


def test_a_thousand_tiny_log_files_do_not_hold_up_the_removal(engine, busybox):
    config = {'Image': 'busybox', 'Cmd': ['yes'], 'HostConfig': {'LogConfig': {'Type': 'json-file', 'Config': {'max-size': '1', 'max-file': '1000'}}}}
    id = engine.post('/containers/create', config).json['Id']
    assert engine.post(f'/containers/{id}/start').status == 204
    time.sleep(1)
    assert engine.delete(f'/containers/{id}?force=1').status == 204


def test_a_relative_working_directory_of_an_image(engine, busybox, docker):
    archive = io.BytesIO()
    saved = docker('save', 'busybox', binary=True).out
    with tarfile.open(fileobj=io.BytesIO(saved)) as old, tarfile.open(fileobj=archive, mode='w') as new:
        manifest = json.load(old.extractfile('manifest.json'))
        config = json.load(old.extractfile(manifest[0]['Config']))
        config['config']['WorkingDir'] = 'var/spool'
        images.add_file(new, 'config.json', json.dumps(config).encode())
        for name in manifest[0]['Layers']:
            images.add_file(new, name, old.extractfile(name).read())
        images.add_file(new, 'manifest.json', json.dumps([{'Config': 'config.json', 'RepoTags': ['relative:1'], 'Layers': manifest[0]['Layers']}]).encode())
    loaded = engine.post('/images/load', archive.getvalue(), headers={'Content-Type': 'application/x-tar'})
    assert loaded.status == 200 and 'relative:1' in loaded.text, loaded.text
    assert docker.out('run', '--rm', 'relative:1', 'pwd') == '/var/spool'
    assert 'it needs to be an absolute path' in docker('create', '-w', 'var/spool', 'busybox', check=False).err
    docker('rmi', 'relative:1')


# ---- the daemon's own database

@pytest.mark.parametrize('damage', ['not JSON', '', '[1]', '{}'])
def test_damaged_rows_are_set_aside(nothing_left, damage):
    own = Engine()
    def rows(statement, *values):
        with sqlite3.connect(f'{own.root}/data/state.db') as database:
            found = database.execute(statement, values).fetchall()
        database.close()
        return found
    try:
        images.import_bytes(own, open(images.busybox_tar(), 'rb').read(), 'busybox', ['CMD ["sh"]'])
        net = own.post('/networks/create', {'Name': 'lost', 'IPAM': {'Config': [{'Subnet': '10.199.7.0/24'}]}}).json['Id']
        ids = {}
        for name in ('hit', 'runs', 'well'):
            ids[name] = own.post(f'/containers/create?name={name}', {'Image': 'busybox', 'Cmd': ['sh', '-c', 'echo mine > /file; sleep 1000']}).json['Id']
            assert own.post(f'/containers/{ids[name]}/start').status == 204
        own.post('/containers/hit/kill')
        own.kill9()
        before = {name: rows('SELECT record FROM container WHERE id = ?', ids[name])[0][0] for name in ('hit', 'runs')}
        network = rows('SELECT record FROM network WHERE id = ?', net)[0][0]
        for name in ('hit', 'runs'):
            rows('UPDATE container SET record = ? WHERE id = ?', damage, ids[name])
        rows('UPDATE network SET record = ? WHERE name IN (?, ?)', damage, 'lost', 'bridge')
        own.start()
        assert [view['Names'] for view in own.get('/containers/json').json] == [['/well']]
        assert own.get('/containers/hit/json').status == 404
        assert sorted(view['Name'] for view in own.get('/networks').json) == ['bridge', 'host', 'none']
        log = own.log(100_000)
        assert ids['hit'] in log and ids['runs'] in log and net in log and 'damaged' in log
        taken = own.post('/containers/create?name=hit', {'Image': 'busybox'})
        assert taken.status == 409 and ids['hit'] in taken.json['message']
        id = own.post('/containers/create', {'Image': 'busybox', 'Cmd': ['true']}).json['Id']
        assert ended(own, id) == 0 and own.delete(f'/containers/{id}').status == 204
        # Repaired, everything is as it was.
        own.kill9()
        for name in ('hit', 'runs'):
            rows('UPDATE container SET record = ? WHERE id = ?', before[name], ids[name])
        rows('UPDATE network SET record = ? WHERE id = ?', network, net)
        own.start()
        assert own.get('/networks/lost').json['Id'] == net
        assert own.get('/containers/runs/json').json['State']['Running'] is True
        assert own.get('/containers/hit/json').json['State']['Status'] == 'exited'
        assert own.post('/containers/hit/restart').status == 204
        changed = own.get('/containers/hit/changes').json
        assert '/file' in [change['Path'] for change in changed]
        for name in ids:
            assert own.delete(f'/containers/{name}?force=1').status == 204
        assert own.delete('/networks/lost').status == 204
    finally:
        own.close()
