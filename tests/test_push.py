"""What a push leaves at a registry, looked at by others: Debian's registry holds it, skopeo reads it."""
import gzip
import json
import subprocess
import urllib.request

import pytest

from lib.pulling import cli, layer  # noqa: F401
from lib.registry import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Registry, sha


def call(url, body=None, method='GET', **headers):
    request = urllib.request.Request(url, body, {key.replace('_', '-'): value for key, value in headers.items()}, method=method)
    return urllib.request.urlopen(request)


def put_blob(registry, repository, blob):
    place = call(f'http://{registry}/v2/{repository}/blobs/uploads/', b'', 'POST').headers['Location']
    call(f'{place}{"&" if "?" in place else "?"}digest={sha(blob)}', blob, 'PUT', Content_Type='application/octet-stream')
    return {'digest': sha(blob), 'size': len(blob)}


def put_manifest(registry, repository, reference, document, kind):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    call(f'http://{registry}/v2/{repository}/manifests/{reference}', body, 'PUT', Content_Type=kind)
    return {'mediaType': kind, 'digest': sha(body), 'size': len(body)}


def put_image(registry, repository, layers, architecture='amd64'):
    """Its manifest's descriptor. The manifest is written as nobody else would write it."""
    config = json.dumps({'architecture': architecture, 'os': 'linux', 'config': {'Cmd': ['/x']}, 'rootfs': {
        'type': 'layers', 'diff_ids': [sha(plain) for plain, _, _ in layers]}}).encode()
    manifest = {'schemaVersion': 2, 'mediaType': OCI_MANIFEST, 'config': {'mediaType': OCI_CONFIG, **put_blob(registry, repository, config)},
                'layers': [{**put_blob(registry, repository, blob), 'mediaType': kind} for _, blob, kind in layers], 'annotations': {'made': 'elsewhere'}}
    body = json.dumps(manifest, indent=3).encode() + b'\n'
    digest = put_manifest(registry, repository, sha(body), body, OCI_MANIFEST)['digest']
    return {'mediaType': OCI_MANIFEST, 'digest': digest, 'size': len(body)}, body


def skopeo(*args):
    return subprocess.run(['skopeo', *args], capture_output=True, check=True).stdout


def test_a_platform_of_an_index_goes_as_it_came(cli, registry, tmp_path):
    layers = [layer('gzip', kind=OCI_LAYER + '+gzip'), layer('zstd', how='zstd')]
    ours, body = put_image(registry, 'from/app', layers)
    other, _ = put_image(registry, 'from/app', [layer('arm', kind=OCI_LAYER + '+gzip')], 'arm64')
    index = put_manifest(registry, 'from/app', 'i', {'schemaVersion': 2, 'mediaType': OCI_INDEX, 'manifests': [
        {**other, 'platform': {'os': 'linux', 'architecture': 'arm64'}}, {**ours, 'platform': {'os': 'linux', 'architecture': 'amd64'}}]}, OCI_INDEX)
    source, target = f'{registry}/from/app:i', f'{registry}/to/{cli.name}:1'
    cli('pull', source)
    assert cli.out('image', 'inspect', '--format', '{{index .RepoDigests 0}}', source) == f'{registry}/from/app@{index["digest"]}'
    cli('tag', source, target)
    result = cli('push', target)
    assert f'1: digest: {ours["digest"]} size: {ours["size"]}' in result.out and 'came with manifest' not in result.out, result
    assert skopeo('inspect', '--tls-verify=false', '--raw', 'docker://' + target) == body
    skopeo('copy', '--src-tls-verify=false', 'docker://' + target, f'oci:{tmp_path}/layout:1')    # verifies every blob
    assert (tmp_path / 'layout/blobs/sha256' / ours['digest'][7:]).read_bytes() == body
    assert f'{target[:-2]}@{ours["digest"]}' in cli.out('image', 'inspect', '--format', '{{.RepoDigests}}', target)
    if cli.name == 'sampan':    # as docker 28 tells it
        assert result.out.endswith('\n\n Info -> Not all multiplatform-content is present and only the available single-platform image was pushed\n'
                                   f'         \x1b[31m{index["digest"]}\x1b[0m -> \x1b[32m{ours["digest"]}\x1b[0m\n'), result
    cli('rmi', source, target)


def test_the_digest_is_kept_when_the_registry_is_another_one(docker, registry):
    """No blob can be mounted there: all of them come from what the pull has kept."""
    ours, body = put_image(registry, 'from/far', [layer('one', kind=OCI_LAYER + '+gzip'), layer('two', how='plain')])
    put_manifest(registry, 'from/far', '1', body, OCI_MANIFEST)
    far = Registry()
    try:
        docker('pull', f'{registry}/from/far:1')
        docker('tag', f'{registry}/from/far:1', f'{far.name}/team/app:1')
        assert ours['digest'] in docker.out('push', f'{far.name}/team/app:1')
        assert far.repositories['team/app']['1'] == (body, OCI_MANIFEST)
        docker('rmi', f'{registry}/from/far:1', f'{far.name}/team/app:1')
    finally:
        far.close()


def test_a_new_digest_is_said_and_why(cli, registry):
    """The layer is here in another compression; its own was never fetched, and the other registry does not have it."""
    plain, first, _ = layer('shared', 200_000)
    second = gzip.compress(plain, 9)
    put = [put_image(registry, 'from/two', [(plain, blob, OCI_LAYER + '+gzip')] + more) for blob, more in (
        (first, []), (second, [layer('more', kind=OCI_LAYER + '+gzip')]))]
    for tag, (_, body) in zip('ab', put):
        put_manifest(registry, 'from/two', tag, body, OCI_MANIFEST)
    far = Registry()
    name = f'{registry}/from/two'
    try:
        cli('pull', name + ':a')
        assert 'Already exists' in cli.out('pull', name + ':b')
        cli('tag', name + ':b', f'{far.name}/team/app:1')
        out = cli.out('push', f'{far.name}/team/app:1')
        assert (f"The image came with manifest {put[1][0]['digest']}, of which {sha(second)} is neither kept here nor at the registry: "
                'it was compressed again, and the digest is another one') in out
        manifest = json.loads(far.repositories['team/app']['1'][0])
        assert sha(far.repositories['team/app']['1'][0]) in out and manifest['layers'][0]['digest'] == sha(first)
        cli('tag', name + ':b', name + ':c')
        assert put[1][0]['digest'] in cli.out('push', name + ':c'), 'where it came from has all of it'
        cli('rmi', name + ':a', name + ':b', name + ':c', f'{far.name}/team/app:1')
    finally:
        far.close()


@pytest.mark.smoke
def test_what_was_made_here_can_be_read_by_others(docker, busybox, registry, tmp_path):
    name = f'{registry}/made/here:1'
    docker('tag', 'busybox', name)
    digest = docker.out('push', name).split('digest: ')[1].split()[0]
    shown = json.loads(skopeo('inspect', '--tls-verify=false', 'docker://' + name))
    assert shown['Digest'] == digest and shown['Architecture'] == 'amd64'
    skopeo('copy', '--src-tls-verify=false', 'docker://' + name, f'docker-archive:{tmp_path}/made.tar:made/again:1')
    before = docker.out('image', 'inspect', '--format', '{{.Id}}', name)
    docker('rmi', name)
    assert docker.out('load', '-i', tmp_path / 'made.tar') == 'Loaded image: made/again:1'
    assert docker.out('image', 'inspect', '--format', '{{.Id}}', 'made/again:1') == before
    docker('rmi', 'made/again:1')
