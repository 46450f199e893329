"""Images for the registry inside the test, and the fixtures of the suites that pull and push them."""
import base64
import gzip
import io
import json
import os
import subprocess
import tarfile

import pytest

from .engine import BIN, DOCKER, Client
from .images import add_file
from .registry import DOCKER_LAYER, OCI_LAYER, Registry, TokenService


def tar_of(fill):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as tar:
        fill(tar)
    return buffer.getvalue()


def layer(name='file', size=3000, how='gzip', kind=None):
    """A layer of one file: (plain tar, blob, media type)."""
    tar = tar_of(lambda t: add_file(t, f'data/{name}', os.urandom(size)))
    if how == 'plain':
        return tar, tar, kind or OCI_LAYER
    if how == 'zstd':
        return tar, subprocess.run(['zstd', '-q', '-c'], input=tar, capture_output=True, check=True).stdout, kind or OCI_LAYER + '+zstd'
    return tar, gzip.compress(tar, 1), kind or DOCKER_LAYER


def packed(fill):
    tar = tar_of(fill)
    return tar, gzip.compress(tar, 1), DOCKER_LAYER


@pytest.fixture
def registry():
    registry = Registry()
    yield registry
    registry.close()


def client_of(name, engine):
    return Client(name, DOCKER if name == 'docker' else BIN + '/sampan', engine.host)


@pytest.fixture(params=['docker', 'sampan'])
def cli(request, engine):
    client = client_of(request.param, engine)
    yield client
    client.close()


def stored(engine):
    """Everything of images that is below the data root."""
    found = []
    for top in ('content', 'overlay2/layers', 'overlay2/removed'):
        for folder, _, files in os.walk(f'{engine.root}/data/{top}'):
            found += [os.path.join(folder, name) for name in files] + ([folder] if top != 'content' else [])
    return sorted(found)


@pytest.fixture
def unchanged(engine, eventually):
    """The engine has no content, layer or name more than before the test."""
    before, images = stored(engine), engine.get('/images/json?all=1').json
    yield
    assert engine.get('/images/json?all=1').json == images
    eventually(lambda: stored(engine) == before, 5, f'the data root as before: {sorted(set(stored(engine)) ^ set(before))}')


def refused(client, *args):
    result = client(*args, check=False)
    assert result.code == 1, result
    return result.err


def create(engine, name, **auth):
    headers = {'X-Registry-Auth': base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()} if auth else {}
    return engine.post(f'/images/create?fromImage={name}', headers=headers)


def login(client, server, user, password):
    return client('login', '-u', user, '--password-stdin', *([server] if server else []), input=password, check=False)


@pytest.fixture
def token_registry():
    service = TokenService()
    service.private = {'team/closed'}
    registry = Registry(auth=service)
    registry.service = service
    for repository in ('team/closed', 'team/open'):
        registry.layer = layer(size=200_000)
        registry.image(repository, '1', [registry.layer])
    yield registry
    registry.close()
    service.close()
