"""Images and registries: digests, platforms, broken connections, refusals."""
import hashlib
import http.server
import io
import json
import os
import tarfile
import threading

import pytest

from lib.images import add_dir, add_file, add_link


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


def test_save_and_load_give_the_same_image(docker, tmp_path):
    before = docker.out('image', 'inspect', '--format', '{{.Id}} {{.RootFS.Layers}}', 'busybox')
    docker('save', '-o', tmp_path / 'i.tar', 'busybox')
    with tarfile.open(tmp_path / 'i.tar') as tar:
        names = tar.getnames()
        assert {'manifest.json', 'index.json', 'oci-layout'} <= set(names)
        layer = docker.out('image', 'inspect', '--format', '{{index .RootFS.Layers 0}}', 'busybox')
        assert json.load(tar.extractfile('repositories')) == {'busybox': {'latest': layer.split(':')[1]}}
        assert json.load(tar.extractfile('manifest.json'))[0]['LayerSources'][layer]['digest'] == layer
        for name in names:
            if name.startswith('blobs/sha256/') and len(name) > 20:
                assert hashlib.sha256(tar.extractfile(name).read()).hexdigest() == name.split('/')[-1]
    docker('rmi', 'busybox')
    try:
        assert docker.out('load', '-i', tmp_path / 'i.tar') == 'Loaded image: busybox:latest'
    finally:
        assert docker.out('image', 'inspect', '--format', '{{.Id}} {{.RootFS.Layers}}', 'busybox') == before
    assert docker.out('run', '--rm', 'busybox', 'echo', 'loaded') == 'loaded'


def test_round_through_a_registry_keeps_the_digest(docker, registry):
    name = f'{registry}/round/busybox:1'
    docker('tag', 'busybox', name)
    docker('push', '-q', name)
    digest = docker.out('image', 'inspect', '--format', '{{index .RepoDigests 0}}', name)
    id = docker.out('image', 'inspect', '--format', '{{.Id}}', name)
    docker('rmi', name)
    docker('pull', '-q', digest)
    assert docker.out('image', 'inspect', '--format', '{{.Id}}', digest) == id
    assert 'Image is up to date' in docker.out('pull', digest)
    docker('rmi', digest)


def test_unknown_images_and_registries_are_told_apart(docker, registry):
    unknown = docker('pull', f'{registry}/no/such:1', check=False)
    assert unknown.code == 1 and ('not found' in unknown.err or 'pull access denied' in unknown.err), unknown
    refused = docker('pull', '127.0.0.1:1/x', check=False)
    assert refused.code == 1 and 'connection refused' in refused.err, refused
    bad = docker('pull', 'UPPER/case', check=False)
    assert bad.code == 1 and 'invalid reference format' in bad.err, bad


class Hostile(http.server.BaseHTTPRequestHandler):
    """A registry that serves one image in the way `mode` says."""
    mode = 'good'
    layer = config = manifest = b''
    ranges = []

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.path == '/v2/':
            return self.answer(b'{}')
        if '/manifests/' in self.path:
            return self.answer(self.manifest, 'application/vnd.docker.distribution.manifest.v2+json')
        digest = self.path.rsplit('/', 1)[1]
        if digest == sha(self.config):
            return self.answer(self.config)
        body = self.layer
        if self.mode == 'wrong':
            body = body[:-4] + b'evil'
        wanted = self.headers.get('Range')
        if wanted:
            Hostile.ranges.append(wanted)
            start = int(wanted.split('=')[1].split('-')[0])
            self.send_response(206)
            self.send_header('Content-Range', f'bytes {start}-{len(body) - 1}/{len(body)}')
            body = body[start:]
        else:
            self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.mode in ('truncated', 'broken') and not (self.mode == 'broken' and wanted):
            body = body[:len(body) // 2]
            self.wfile.write(body)
            self.wfile.flush()
            self.close_connection = True
            return self.connection.shutdown(1)
        self.wfile.write(body)

    def answer(self, body, kind='application/octet-stream'):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)


def sha(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def tar_of(fill):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as tar:
        fill(tar)
    return buffer.getvalue()


@pytest.fixture
def hostile():
    import gzip
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(fill, mode='good'):
        tar = tar_of(fill)
        Hostile.mode, Hostile.ranges = mode, []
        Hostile.layer = gzip.compress(tar, 1)
        Hostile.config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {'Cmd': ['/bin/sh']},
                                     'rootfs': {'type': 'layers', 'diff_ids': [sha(tar)]}, 'history': [{'created_by': 'test'}]}).encode()
        Hostile.manifest = json.dumps({
            'schemaVersion': 2, 'mediaType': 'application/vnd.docker.distribution.manifest.v2+json',
            'config': {'mediaType': 'application/vnd.docker.container.image.v1+json', 'size': len(Hostile.config), 'digest': sha(Hostile.config)},
            'layers': [{'mediaType': 'application/vnd.docker.image.rootfs.diff.tar.gzip', 'size': len(Hostile.layer), 'digest': sha(Hostile.layer)}],
        }).encode()
        return f'127.0.0.1:{server.server_address[1]}/hostile/image:1'
    yield serve
    server.shutdown()


def plain(tar):
    add_dir(tar, 'etc')
    add_file(tar, 'etc/motd', os.urandom(200_000))


def test_wrong_bytes_never_become_an_image(docker, hostile):
    name = hostile(plain, 'wrong')
    result = docker('pull', name, check=False)
    assert result.code == 1 and docker('image', 'inspect', name, check=False).code == 1, result


def test_broken_connection_is_resumed_by_byte(docker, hostile):
    name = hostile(plain, 'broken')
    docker('pull', name)
    assert Hostile.ranges and Hostile.ranges[0].startswith('bytes='), Hostile.ranges
    docker('rmi', name)


@pytest.mark.parametrize('case', ['dotdot', 'absolute-link', 'hardlink-out', 'link-then-write'])
def test_layers_that_want_out_reach_nothing(docker, hostile, tmp_path, case):
    canary = tmp_path / 'canary'
    canary.write_text('safe')

    def fill(tar):
        add_dir(tar, 'etc')
        if case == 'dotdot':
            add_file(tar, f'../../../../../../../..{canary}', b'evil')
        elif case == 'absolute-link':
            add_link(tar, 'etc/l', str(canary))
            add_file(tar, 'etc/l', b'evil')
        elif case == 'hardlink-out':
            add_link(tar, 'etc/h', f'../../../../../..{canary}', kind=tarfile.LNKTYPE)
        else:
            add_link(tar, 'out', str(tmp_path))
            add_file(tar, 'out/canary', b'evil')
    name = hostile(fill)
    docker('pull', name, check=False)
    assert canary.read_text() == 'safe'
    docker('rmi', '-f', name, check=False)


def test_history_prune_and_rmi_of_used_images(docker):
    assert 'Imported from -' in docker.out('history', 'busybox')
    docker('create', '--name', 'uses', 'busybox', 'true')
    try:
        conflict = docker('rmi', 'busybox', check=False)
        assert 'must force' in conflict.err and 'is using its referenced image' in conflict.err, conflict
    finally:
        docker('rm', 'uses')
    assert 'Total reclaimed space' in docker.out('image', 'prune', '-f')
    assert 'Total reclaimed space' in docker.out('system', 'prune', '-f')


def test_prune_takes_what_its_filters_say(engine, docker, tmp_path):
    (tmp_path / 'r.tar').write_bytes(tar_of(plain))

    (tmp_path / 'big.tar').write_bytes(tar_of(lambda tar: add_file(tar, 'big', os.urandom(100_000))))

    def make(label, *names, tar='r.tar'):
        return docker.out('import', '-c', f'LABEL prune={label}', tmp_path / tar, *names)
    dangling, other, named, used = make('yes'), make('no'), make('yes', 'prune:named', tar='big.tar'), make('yes', 'prune:used')
    docker('create', '--name', 'holds', 'prune:used', 'x')
    try:
        def left():
            return {image for image in (dangling, other, named, used) if docker('image', 'inspect', image, check=False).code == 0}
        assert 'Total reclaimed space: 0B' in docker.out('image', 'prune', '-f', '--filter', 'label=prune=never')
        assert 'Total reclaimed space: 0B' in docker.out('image', 'prune', '-a', '-f', '--filter', 'label=prune=yes', '--filter', 'until=2001-01-01')
        assert left() == {dangling, other, named, used}
        answer = engine.post('/images/prune?' + engine.filters(label=['prune=yes'])).json
        assert answer == {'ImagesDeleted': [{'Deleted': dangling}], 'SpaceReclaimed': 0}, 'its layer is that of others, too'
        assert left() == {other, named, used}
        said = docker.out('image', 'prune', '-a', '-f', '--filter', 'label!=prune=no', '--filter', 'label=prune')
        assert 'untagged: prune:named' in said and f'deleted: {named}' in said and 'Total reclaimed space: 100kB' in said, said
        assert left() == {other, used}, 'neither the image of a container nor what the filter left out'
        assert engine.post('/images/prune?' + engine.filters(nosuch=['x'])).status == 400
    finally:
        docker('rm', 'holds')
        for image in (other, used):
            docker('rmi', '-f', image)


def test_import_applies_changes(docker, tmp_path):
    (tmp_path / 'r.tar').write_bytes(tar_of(plain))
    docker('import', '-c', 'ENV A=b', '-c', 'WORKDIR /etc', '-c', 'EXPOSE 80', '-c', 'CMD ["x"]', tmp_path / 'r.tar', 'imp:1')
    config = json.loads(docker.out('image', 'inspect', 'imp:1'))[0]['Config']
    assert config['Env'] == ['A=b'] and config['WorkingDir'] == '/etc' and '80/tcp' in config['ExposedPorts'] and config['Cmd'] == ['x']
    docker('rmi', 'imp:1')
