"""What comes from a registry and goes there: documents, layers, broken connections, hostile bytes, progress."""
import gzip
import json
import os
import pty
import re
import select
import subprocess
import tarfile
import threading
import time
import urllib.parse

import pytest

from lib.engine import Engine
from lib.images import add_dir, add_file, add_link
from lib.pulling import cli, create, layer, login, packed, refused, registry, stored, tar_of, token_registry, unchanged  # noqa: F401
from lib.registry import (DOCKER_LAYER, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, SCHEMA1, Registry, answering, cut_after,
                          sending, sha)


# ---- documents

def test_platforms_of_indexes(cli, engine, registry):
    for kind, manifest in ((OCI_INDEX, OCI_MANIFEST), (DOCKER_LIST, DOCKER_MANIFEST)):
        parts = {f'linux/{name}': registry.image('team/multi', f'{name}-{len(kind)}'.replace('/', '-'), [layer()], kind=manifest,
                                                  architecture=name.split('/')[0]) for name in ('amd64', 'arm64', 'arm/v6')}
        index = registry.index('team/multi', 'i', parts, kind)
        name = f'{registry.name}/team/multi:i'
        assert f"Digest: {index['digest']}" in cli.out('pull', name)
        assert cli.out('image', 'inspect', '--format', '{{.Architecture}}', name) == 'amd64'
        cli('pull', '--platform', 'linux/arm64', name)
        assert cli.out('image', 'inspect', '--format', '{{.Architecture}}', name) == 'arm64'
        cli('pull', '--platform', 'linux/arm/v7', name)    # runs what was made for v6
        assert cli.out('image', 'inspect', '--format', '{{.Architecture}}', name) == 'arm'
        cli('image', 'prune', '-f')
        assert 'no matching manifest for linux/s390x in the manifest list entries' in refused(cli, 'pull', '--platform', 'linux/s390x', name)
        cli('rmi', name)
    single = f'{registry.name}/team/multi:amd64-{len(OCI_INDEX)}'
    warning = f'WARNING: image with reference {single} was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)'
    assert warning in cli.out('pull', '--platform', 'linux/arm64', single)
    cli('rmi', single)
    assert 'cannot parse platform specifier' in refused(cli, 'pull', '--platform', 'a/b/c/d', single)
    assert engine.post(f'/images/create?fromImage={single}&platform=a/b/c/d').status == 400
    cli('image', 'prune', '-f')


def test_platforms_of_what_is_here(engine, registry, docker, sampan, tmp_path):
    """history, inspect, save, load, push and rmi with a platform; the manifests of list and inspect."""
    parts = {f'linux/{name}': registry.image('team/both', name, [layer(name)], kind=OCI_MANIFEST, architecture=name) for name in ('amd64', 'arm64')}
    index = registry.index('team/both', 'i', parts)
    name = f'{registry.name}/team/both:i'
    docker('pull', name)
    ours, other = (urllib.parse.quote(json.dumps({'os': 'linux', 'architecture': each})) for each in ('amd64', 'arm64'))
    mismatch = f'image with reference {name} was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)'
    for method, path in (('GET', 'history?'), ('GET', 'json?'), ('POST', 'push?tag=i&')):
        answer = engine.request(method, f'/v1.51/images/{name if method == "GET" else name[:-2]}/{path}platform={other}')
        assert (answer.status, answer.json['message']) == (404, mismatch), path
        assert engine.request(method, f'/v1.51/images/{name if method == "GET" else name[:-2]}/{path}platform={ours}').status == 200
    answer = engine.get(f'/v1.51/images/{name}/get?platform={other}')
    assert answer.status == 404 and 'no suitable export target found for platform linux/arm64' in answer.text
    sampan('save', '--platform', 'linux/amd64', '-o', tmp_path / 'amd64.tar', name)
    assert 'requested platform linux/arm64 not found' in refused(sampan, 'load', '--platform', 'linux/arm64', '-i', tmp_path / 'amd64.tar')
    assert sampan.out('load', '--platform', 'linux/amd64', '-i', tmp_path / 'amd64.tar') == f'Loaded image: {name}'
    assert mismatch in refused(sampan, 'history', '--platform', 'linux/arm64', name)
    assert mismatch in refused(sampan, 'push', '--platform', 'linux/arm64', name)
    assert 'test' in sampan.out('history', '--platform', 'linux/amd64', name)

    registry.index('team/both', 'i', parts)    # the push has put one image in its place
    docker('pull', name)
    for shown in (engine.get(f'/v1.51/images/{name}/json?manifests=1').json,
                  next(each for each in engine.get('/v1.51/images/json?manifests=1').json if name in each['RepoTags'])):
        assert [(m['ID'], m['Available'], m['Kind']) for m in shown['Manifests']] == [
            (parts['linux/amd64']['digest'], True, 'image'), (parts['linux/arm64']['digest'], False, 'image')]
        first = shown['Manifests'][0]
        assert first['Descriptor']['digest'] == first['ID'] and first['ImageData']['Platform'] == {'architecture': 'amd64', 'os': 'linux'}
        assert first['Size']['Total'] == first['Size']['Content'] + first['ImageData']['Size']['Unpacked'] > first['Size']['Content'] > 0
        assert shown['Manifests'][1]['Size'] == {'Content': 0, 'Total': 0}
    assert 'Manifests' not in engine.get(f'/v1.51/images/{name}/json').json
    assert engine.get(f'/v1.51/images/{name}/json?manifests=1&platform={ours}').status == 400

    assert mismatch in refused(sampan, 'rmi', '--platform', 'linux/arm64', name)
    answer = engine.delete(f'/v1.51/images/{name}?platforms={other}')
    assert (answer.status, answer.json['message']) == (404, mismatch) and index
    assert engine.delete(f'/v1.51/images/{name}?platforms={other}&platforms={ours}').status == 200
    assert engine.get(f'/images/{name}/json').status == 404


@pytest.mark.parametrize('case,words', [
    ('schema1', 'manifest version 2, schema 1 are not supported'),
    ('unknown-type', 'unsupported manifest media type "application/x-thing"'),
    ('not-json', 'invalid character'),
    ('two-kinds', 'parts of another kind'),
    ('oversized', 'more than 4194304'),
    ('other-digest', 'manifest verification failed for digest'),
    ('layer-count', "layers from manifest don't match image configuration"),
    ('windows', 'image operating system "windows" cannot be used on this platform'),
    ('foreign', 'foreign'),
    ('other-diff', 'layer verification failed'),
    ('longer', 'failed size validation'),
    ('shorter', 'failed size validation'),
    ('shorter-chunked', 'more than the'),
    ('bad-digest', 'filesystem layer verification failed for digest sha256:'),
    ('bad-config', 'verification failed'),
    ('no-blob', 'blob unknown'),
    ('not-a-tar', 'archive'),
    ('huge-config', 'too large'),
])
def test_refused_images_leave_nothing(docker, registry, unchanged, case, words):
    good, name = layer(size=150_000), f'{registry.name}/team/bad:1'

    def edit(manifest, config):
        first = manifest['layers'][0]
        if case == 'layer-count':
            config['rootfs']['diff_ids'].append(sha(b'x'))
        elif case == 'windows':
            config['os'] = 'windows'
        elif case == 'foreign':
            first['mediaType'] = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
        elif case == 'other-diff':
            config['rootfs']['diff_ids'][0] = sha(b'x')
        elif case == 'longer':
            first['size'] += 5
        elif case.startswith('shorter'):
            first['size'] -= 5
        elif case == 'two-kinds':
            manifest['manifests'] = []
        elif case == 'huge-config':
            config['author'] = 'x' * 9_000_000
    if case == 'not-a-tar':
        junk = os.urandom(5000)
        good = junk, gzip.compress(junk), DOCKER_LAYER
    registry.image('team/bad', '1', [layer('below'), good] if case == 'bad-digest' else [good], edit=edit)
    body, kind = registry.repositories['team/bad']['1']
    blob = good[1]
    faults = {'bad-digest': (f'GET .*/blobs/{sha(blob)}', sending(blob[:-4] + b'evil')),
              'bad-config': (f"GET .*/blobs/{json.loads(body)['config']['digest']}", sending(b'{}' + b' ' * (json.loads(body)['config']['size'] - 2)))}
    if case == 'schema1':
        registry.put('team/bad', '1', {'schemaVersion': 1, 'fsLayers': [], 'history': []}, SCHEMA1)
    elif case == 'unknown-type':
        registry.put('team/bad', '1', body, 'application/x-thing')
    elif case == 'not-json':
        registry.put('team/bad', '1', b'not json', kind)
    elif case == 'oversized':
        registry.put('team/bad', '1', body + b' ' * 4_200_000, kind)
    elif case == 'other-digest':
        name = f'{registry.name}/team/bad@{sha(body)}'
        registry.repositories['team/bad'][sha(body)] = (body + b' ', kind)
    elif case == 'no-blob':
        registry.linked.discard(('team/bad', sha(blob)))

    def chunked(handler):
        handler.send_response(200)
        handler.send_header('Transfer-Encoding', 'chunked')
        handler.end_headers()
        handler.wfile.write(b'%x\r\n%s\r\n0\r\n\r\n' % (len(blob), blob))
        return True
    if case == 'shorter-chunked':
        faults[case] = (f'GET .*/blobs/{sha(blob)}', chunked)
    with registry.fault(*faults.get(case, ('nothing', None))):
        assert words in refused(docker, 'pull', name)


@pytest.mark.parametrize('case', ['dotdot', 'absolute', 'symlink', 'symlink-chain', 'hardlink', 'device-name'])
def test_layers_that_want_out_reach_nothing(docker, registry, tmp_path, case):
    canary = tmp_path / 'canary'
    canary.write_text('safe')

    def fill(tar):
        add_dir(tar, 'etc')
        if case == 'dotdot':
            add_file(tar, f'../../../../../../../..{canary}', b'evil')
        elif case == 'absolute':
            add_file(tar, str(canary), b'evil')
        elif case == 'symlink':
            add_link(tar, 'out', str(tmp_path))
            add_file(tar, 'out/canary', b'evil')
        elif case == 'symlink-chain':
            add_link(tar, 'a', '..')
            add_link(tar, 'a/b', '../..')
            add_file(tar, f'a/b/../../../../../..{canary}', b'evil')
        elif case == 'hardlink':
            add_link(tar, 'etc/h', f'../../../../../../../..{canary}', kind=tarfile.LNKTYPE)
            add_file(tar, 'etc/h', b'evil')
        else:
            add_link(tar, 'dev', str(tmp_path))
            add_link(tar, 'dev/canary', str(canary), kind=tarfile.LNKTYPE)
            add_file(tar, 'dev/canary', b'evil')
    registry.image('team/out', '1', [packed(fill)])
    docker('pull', f'{registry.name}/team/out:1', check=False)
    assert canary.read_text() == 'safe' and os.stat(canary).st_nlink == 1
    docker('rmi', '-f', f'{registry.name}/team/out:1', check=False)


def test_escapes_and_bombs_leave_nothing(docker, registry, unchanged):
    registry.image('team/out', '1', [packed(lambda tar: add_file(tar, '../../evil', b'evil'))])
    assert 'is outside of the root of the archive' in refused(docker, 'pull', f'{registry.name}/team/out:1')


def test_a_bomb_fills_its_disk_and_is_cleaned_up(nothing_left, registry, eventually):
    """80 MB of zeros in 80 kB, for a data root of 48 MB."""
    registry.image('team/bomb', '1', [packed(lambda tar: add_file(tar, 'zeros', bytes(80 << 20)))])
    engine = Engine(prefix=['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
                            'mkdir -p "$5" && mount -t tmpfs -o size=48m tmpfs "$5" && exec "$@"', 'sh'])
    try:
        def used():
            status = os.statvfs(f'/proc/{engine.process.pid}/root{engine.root}/data')
            return (status.f_blocks - status.f_bfree) * status.f_bsize
        before = used()
        answer = create(engine, f'{registry.name}/team/bomb:1')
        assert 'no space left on device' in answer.text, answer.text
        eventually(lambda: used() < before + (4 << 20), 10, 'the space is free again')
        registry.image('team/small', '1', [layer()])
        assert 'error' not in create(engine, f'{registry.name}/team/small:1').text
    finally:
        engine.close()


# ---- layers

@pytest.mark.parametrize('kind', [DOCKER_MANIFEST, OCI_MANIFEST])
def test_every_compression(cli, registry, tmp_path, kind):
    layers = [layer('gzip', 200_000), layer('zstd', 200_000, 'zstd'), layer('plain', 200_000, 'plain')]
    # Several gzip members behind each other are one stream, too (pigz and stargz write such).
    tar = tar_of(lambda t: add_file(t, 'data/members', os.urandom(90_000)))
    layers.append((tar, gzip.compress(tar[:50_000]) + gzip.compress(tar[50_000:]), DOCKER_LAYER))
    registry.image('team/mixed', '1', layers, kind=kind)
    name = f'{registry.name}/team/mixed:1'
    cli('pull', name)
    cli('save', '-o', tmp_path / 'saved.tar', name)
    with tarfile.open(tmp_path / 'saved.tar') as saved:
        for plain, _, _ in layers:
            assert saved.extractfile('blobs/sha256/' + sha(plain)[7:]).read() == plain
    cli('rmi', name)


def test_three_layers_at_a_time(docker, registry):
    together, running, most = threading.Barrier(3), [0], [0]
    lock = threading.Lock()

    def count(handler):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait(10)    # breaks, and with it the test, unless three come together
        time.sleep(0.05)
        with lock:
            running[0] -= 1
    registry.image('team/wide', '1', [layer(str(i)) for i in range(6)])
    config = json.loads(registry.repositories['team/wide']['1'][0])['config']['digest']
    with registry.fault(f'GET .*/blobs/(?!{config})', count):
        out = docker.out('pull', f'{registry.name}/team/wide:1')
    assert most[0] == 3 and out.count(': Waiting') == 3 and out.count(': Pull complete') == 6
    docker('rmi', f'{registry.name}/team/wide:1')


@pytest.mark.parametrize('ranges', [True, False])
def test_broken_connections_are_taken_up_again(cli, registry, ranges):
    registry.ranges = ranges
    big = layer(size=400_000)
    registry.image('team/broken', '1', [big])
    name = f'{registry.name}/team/broken:1'
    with registry.fault(f'GET .*/blobs/{sha(big[1])}', cut_after(150_000)):
        out = cli.out('pull', name)
    assert 'Retrying in 1 second' in out and 'Pull complete' in out
    asked = registry.seen(f'GET .*/blobs/{sha(big[1])}')
    assert [entry.headers.get('Range') for entry in asked] == [None, 'bytes=150000-']
    assert asked[1].status == (206 if ranges else 200)
    cli('rmi', name)


def test_busy_registries_are_asked_again(docker, registry):
    small = layer(size=90_000)
    registry.image('team/busy', '1', [small])
    name = f'{registry.name}/team/busy:1'
    with registry.fault('GET .*/manifests/1', answering(503)), registry.fault(f'GET .*/blobs/{sha(small[1])}', answering(429, Retry_After=1)):
        docker('pull', name)
    docker('rmi', name)
    with registry.fault('manifests/1', answering(429, 1, 'TOOMANYREQUESTS', 'You have reached your pull rate limit.', Retry_After=900)):
        assert 'toomanyrequests: You have reached your pull rate limit.' in refused(docker, 'pull', name)
    with registry.fault('manifests/1', answering(500, 9)):
        assert 'received unexpected HTTP status: 500 Internal Server Error' in refused(docker, 'pull', name)


class Held:
    """Sends half of a blob, and the rest when it is told to."""

    def __init__(self):
        self.half, self.go = threading.Event(), threading.Event()

    def __call__(self, handler):
        if self.half.is_set():
            return False
        body = handler.server.registry.blobs[handler.path.rsplit('/', 1)[1]]
        handler.send_response(200)
        handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:len(body) // 2])
        handler.wfile.flush()
        self.half.set()
        self.go.wait(30)
        handler.wfile.write(body[len(body) // 2:])
        return True


def test_a_killed_daemon_resumes(engine, docker, registry, eventually):
    done, broken = layer('done', 300_000), layer('broken', 4_000_000)
    registry.image('team/killed', '1', [done, broken])
    name, held = f'{registry.name}/team/killed:1', Held()
    before = stored(engine)
    with registry.fault(f'GET .*/blobs/{sha(broken[1])}', held):
        pull = docker.popen('pull', name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert held.half.wait(20)
        blob = f'{engine.root}/data/content/blobs/{sha(done[1]).replace(":", "/")}'
        partial = f'{engine.root}/data/content/partial/{sha(broken[1]).replace(":", "-")}'
        eventually(lambda: os.path.exists(blob) and os.path.exists(partial) and os.path.getsize(partial) > 1_000_000, 10, 'half of the pull')
        engine.kill9()
        held.go.set()
        assert pull.wait(20) == 1
    engine.start()
    registry.log.clear()
    assert engine.get('/images/json').json == [] or name not in docker.out('images', '--format', '{{.Repository}}:{{.Tag}}')
    out = docker.out('pull', name)
    assert out.count('Pull complete') == 2, out
    asked = registry.seen('GET .*/blobs/')
    assert not [entry for entry in asked if sha(done[1]) in entry.path], 'what was whole is not fetched again'
    assert [entry.status for entry in asked if sha(broken[1]) in entry.path] == [206]
    docker('rmi', name)
    eventually(lambda: stored(engine) == before, 5, 'the data root as before')


def test_a_damaged_partial_download_begins_anew(engine, docker, registry):
    big = layer(size=400_000)
    registry.image('team/damaged', '1', [big])
    with open(f'{engine.root}/data/content/partial/{sha(big[1]).replace(":", "-")}', 'wb') as partial:
        partial.write(os.urandom(100_000))
    docker('pull', f'{registry.name}/team/damaged:1')
    assert [entry.headers.get('Range') for entry in registry.seen(f'GET .*/blobs/{sha(big[1])}')] == ['bytes=100000-', None]
    docker('rmi', f'{registry.name}/team/damaged:1')


def test_a_client_that_leaves_ends_its_pull(engine, docker, registry, eventually):
    broken, held = layer(size=2_000_000), Held()
    registry.image('team/left', '1', [broken])
    with registry.fault(f'GET .*/blobs/{sha(broken[1])}', held):
        pull = docker.popen('pull', f'{registry.name}/team/left:1', stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert held.half.wait(20)
        pull.terminate()
        pull.wait(10)
        held.go.set()
    out = docker.out('pull', f'{registry.name}/team/left:1')
    assert 'Pull complete' in out
    assert registry.seen(f'GET .*/blobs/{sha(broken[1])}')[-1].status == 206
    docker('rmi', f'{registry.name}/team/left:1')


# ---- progress

def on_a_terminal(client, *args, during=None):
    """What the command writes to a terminal of 120 columns, and its exit code."""
    master, slave = pty.openpty()
    subprocess.run(['stty', 'rows', '40', 'cols', '120'], stdin=slave, check=True)
    process = client.popen(*args, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    text, deadline = b'', time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.05)[0]:
            try:
                text += os.read(master, 65536)
            except OSError:    # the other end is closed
                break
        if during:
            during(text.decode(errors='replace'))
    os.close(master)
    return process.wait(10), text.decode(errors='replace')


def slowly(handler):
    body = handler.server.registry.blobs[handler.path.rsplit('/', 1)[1]]
    handler.send_response(200)
    handler.send_header('Content-Length', str(len(body)))
    handler.end_headers()
    for at in range(0, len(body), len(body) // 5 + 1):
        handler.wfile.write(body[at:at + len(body) // 5 + 1])
        handler.wfile.flush()
        time.sleep(0.13)
    return True


def test_progress_on_a_terminal_and_elsewhere(cli, registry):
    big = layer(size=2_000_000)
    registry.image('team/long', '1', [big])
    name, short = f'{registry.name}/team/long:1', sha(big[1])[7:19]
    with registry.fault(f'GET .*/blobs/{sha(big[1])}', slowly):
        code, text = on_a_terminal(cli, 'pull', name)
    assert code == 0 and f'{short}: Pulling fs layer' in text, text
    shown = re.findall(short + r': Downloading +\[(=*>? *)\] +([0-9.]+[kM]?B)/([0-9.]+[kM]?B)', text)
    assert len(shown) >= 2 and len({bar for bar, _, _ in shown}) >= 2 and len({total for _, _, total in shown}) == 1, text
    assert re.search(short + r': Extracting +\[=+>\]', text) and f'{short}: Pull complete' in text
    cli('rmi', name)
    with registry.fault(f'GET .*/blobs/{sha(big[1])}', slowly):
        out = cli.out('pull', name)
    lines = [line for line in out.splitlines() if line.startswith(short)]
    assert lines == [f'{short}: {word}' for word in ('Pulling fs layer', 'Verifying Checksum', 'Download complete', 'Pull complete')], out
    assert cli.out('pull', '-q', name) == name
    cli('rmi', name)


# ---- push

def test_push_skips_and_mounts_what_is_there(cli, token_registry):
    registry = token_registry
    login(cli, registry.name, 'alice', 'secret')
    source = f'{registry.name}/team/open:1'
    cli('pull', source)
    blob = json.loads(registry.repositories['team/open']['1'][0])['layers'][0]['digest']
    out = cli.out('push', source)
    assert out.splitlines()[0] == f'The push refers to repository [{registry.name}/team/open]'
    assert re.search('^[0-9a-f]{12}: Layer already exists$', out, re.M)
    digest = sha(registry.repositories['team/open']['1'][0])
    assert out.splitlines()[-1] == f"1: digest: {digest} size: {len(registry.repositories['team/open']['1'][0])}"
    cli('tag', source, f'{registry.name}/team/second:1')
    registry.log.clear()
    registry.service.log.clear()
    assert re.search('^[0-9a-f]{12}: Mounted from team/open$', cli.out('push', f'{registry.name}/team/second:1'), re.M), (registry.log, registry.service.log)
    assert ('team/second', blob) in registry.linked and not [e for e in registry.seen('PATCH') if int(e.headers.get('Content-Length', 0)) > 10_000]
    # A repository that does not let us have it: the bytes are sent.
    registry.linked = {entry for entry in registry.linked if entry[0] not in ('team/open', 'team/second')}
    cli('tag', source, f'{registry.name}/team/third:1')
    assert re.search('^[0-9a-f]{12}: Pushed$', cli.out('push', f'{registry.name}/team/third:1'), re.M)
    assert ('team/third', blob) in registry.linked and sha(registry.repositories['team/third']['1'][0]) == digest
    cli('rmi', source, f'{registry.name}/team/second:1', f'{registry.name}/team/third:1')


def test_push_refusals(cli, registry):
    assert (f'An image does not exist locally with the tag: {registry.name}/team/none') in refused(cli, 'push', f'{registry.name}/team/none:1')
    registry.image('team/app', '1', [layer()])
    name = f'{registry.name}/team/app'
    cli('pull', name + ':1')
    assert f'tag does not exist: {name}:2' in refused(cli, 'push', name + ':2')
    with registry.fault('PUT .*/manifests/', answering(403, 1, 'DENIED', 'requested access to the resource is denied')):
        assert 'denied: requested access to the resource is denied' in refused(cli, 'push', name + ':1')
    with registry.fault('PUT .*/manifests/', answering(503)):
        cli('push', name + ':1')    # asked again
    cli('rmi', name + ':1')
