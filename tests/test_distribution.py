"""GET /distribution: what a name stands for at its registry, without pulling it."""
import json
import urllib.request

import pytest


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


def put(registry, repository, tag, media, document):
    body = json.dumps(document).encode()
    request = urllib.request.Request(f'http://{registry}/v2/{repository}/manifests/{tag}', body, {'Content-Type': media}, method='PUT')
    return urllib.request.urlopen(request).headers['Docker-Content-Digest']


def test_a_manifest_and_a_list_of_them(docker, engine, registry):
    name = f'{registry}/team/told'
    docker('tag', 'busybox', name + ':1')
    docker('push', '-q', name + ':1')
    docker('rmi', name + ':1')
    told = engine.get(f'/distribution/{name}:1/json')
    assert told.status == 200, told.text
    descriptor = told.json['Descriptor']
    assert descriptor['digest'].startswith('sha256:') and descriptor['size'] > 0 and 'manifest' in descriptor['mediaType']
    assert told.json['Platforms'] == [{'architecture': 'amd64', 'os': 'linux'}]
    entries = [dict(descriptor, platform=platform) for platform in ({'architecture': 'amd64', 'os': 'linux'}, {'architecture': 'arm', 'os': 'linux', 'variant': 'v7'})]
    media = 'application/vnd.oci.image.index.v1+json'
    digest = put(registry, 'team/told', 'many', media, {'schemaVersion': 2, 'mediaType': media, 'manifests': entries})
    many = engine.get(f'/distribution/{name}:many/json').json
    assert many['Descriptor']['digest'] == digest and many['Descriptor']['mediaType'] == media
    assert many['Platforms'] == [entry['platform'] for entry in entries]
    assert engine.get(f'/distribution/{name}@{digest}/json').json == many
    assert name not in docker.out('images', '--format', '{{.Repository}}'), 'nothing is kept'


def test_what_is_not_there_is_said(engine, registry):
    assert engine.get(f'/distribution/{registry}/team/nothing/json').status in (403, 404)
    assert engine.get('/distribution/BAD NAME/json'.replace(' ', '%20')).status == 400
    assert engine.get('/distribution/127.0.0.1:1/nothing/json').status >= 400
