"""The registry client, end to end: what it is asked for, who may, and over which way."""
import base64
import json
import re

import pytest

from lib.certificates import Authority
from lib.engine import Engine, within_etc
from lib.pulling import cli, client_of, create, layer, login, refused, registry, token_registry, unchanged  # noqa: F401
from lib.registry import Basic, Proxy, Registry, TokenService, answering, cut_after, sha


# ---- names, digests, tags

def test_pull_by_tag_by_digest_and_again(cli, registry):
    name = f'{registry.name}/team/app'
    digest = registry.image('team/app', '1', [layer(), layer()])['digest']
    out = cli.out('pull', name + ':1')
    assert out.splitlines()[0] == '1: Pulling from team/app'
    assert len(re.findall(r'^[0-9a-f]{12}: Pull complete$', out, re.M)) == 2
    assert out.splitlines()[-3:] == [f'Digest: {digest}', f'Status: Downloaded newer image for {name}:1', f'{name}:1']
    assert f'Status: Image is up to date for {name}:1' in cli.out('pull', name + ':1')
    out = cli.out('pull', f'{name}@{digest}')
    assert out.splitlines()[0] == f'{name}@{digest}: Pulling from team/app'
    assert f'Status: Image is up to date for {name}@{digest}' in out
    assert cli.out('image', 'inspect', '--format', '{{json .RepoDigests}}', name + ':1') == f'["{name}@{digest}"]'
    # The tag moves on: the layer that both have is not fetched again.
    second = registry.image('team/app', '1', [layer(), layer('other')])['digest']
    assert second != digest and f'Status: Downloaded newer image for {name}:1' in cli.out('pull', name + ':1')
    cli('rmi', name + ':1')
    cli('rmi', f'{name}@{digest}')


def test_all_tags_come_over_several_pages(cli, registry):
    registry.page = 2
    shared = layer()
    for tag in 'abcde':
        registry.image('team/many', tag, [shared, layer(tag)])
    name = f'{registry.name}/team/many'
    out = cli.out('pull', '-a', name)
    assert [line for line in out.splitlines() if 'Pulling from' in line] == [f'{tag}: Pulling from team/many' for tag in 'abcde']
    assert out.count('Already exists') == 4 and out.count('Status:') == 1
    assert out.splitlines()[-2:] == [f'Status: Downloaded newer image for {name}', name]
    assert sorted(cli.out('images', '--format', '{{.Tag}}', name).split()) == ['a', 'b', 'c', 'd', 'e']
    assert f'Status: Image is up to date for {name}' in cli.out('pull', '-a', name)
    assert len(registry.seen(r'GET /v2/team/many/tags/list')) == 6
    cli('rmi', *[f'{name}:{tag}' for tag in 'abcde'])


def test_unknown_names_in_dockers_words(cli, engine, registry, unchanged):
    registry.image('team/app', '1', [layer()])
    name = f'{registry.name}/team/app'
    assert refused(cli, 'pull', name + ':2').strip().endswith(f'manifest for {name}:2 not found: manifest unknown: manifest unknown')
    assert 'manifest unknown' in refused(cli, 'pull', f'{name}@sha256:{"0" * 64}')
    assert f'repository {registry.name}/no/such not found: name unknown' in refused(cli, 'pull', f'{registry.name}/no/such:1')
    assert 'name unknown' in refused(cli, 'pull', '-a', f'{registry.name}/no/such')
    assert "'scratch' is a reserved name" in refused(cli, 'pull', 'scratch')
    assert create(engine, name + ':2').status == 404 and create(engine, f'{registry.name}/no/such:1').status == 404
    with registry.fault('manifests/1', answering(403, 2, 'DENIED', 'requested access to the resource is denied')):
        assert (f"pull access denied for {name}, repository does not exist or may require 'docker login': denied: "
                'requested access to the resource is denied') in refused(cli, 'pull', name + ':1')
        assert create(engine, name + ':1').status == 404


def test_unreachable_registries(cli, unchanged):
    assert 'dial tcp 127.0.0.1:1: connect: connection refused' in refused(cli, 'pull', '127.0.0.1:1/x')
    assert 'no such host' in refused(cli, 'pull', 'nosuch.invalid/x')
    assert 'connection refused' in login(cli, '127.0.0.1:1', 'a', 'b').err


def test_logins_that_reach_no_registry(engine):
    def answer(address):
        told = engine.post('/auth', {'username': 'a', 'password': 'b', 'serveraddress': address})
        return told.status, told.json['message']
    assert answer('127.0.0.1:1') == (500, 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused')
    assert answer('a b') == (400, 'unable to parse server address: parse "https://a b": invalid character " " in host name')
    registry = Registry()
    try:
        with registry.fault('GET /v2/$', answering(503, 9)):
            assert answer(registry.name) == (500, f'login attempt to {registry.url}/v2/ failed with status: 503 Service Unavailable')
    finally:
        registry.close()


# ---- who may

def test_basic_authentication(cli, engine):
    registry = Registry(auth=Basic('bob', 'pass word:1'))
    name = f'{registry.name}/team/closed:1'
    registry.image('team/closed', '1', [layer()])
    try:
        assert 'no basic auth credentials' in refused(cli, 'pull', name)
        assert create(engine, name).status == 500
        wrong = login(cli, registry.name, 'bob', 'wrong')
        assert wrong.code == 1 and f'login attempt to http://{registry.name}/v2/ failed with status: 401 Unauthorized' in wrong.err, wrong
        for address in (registry.name, f'http://{registry.name}/v2/'):
            answer = engine.post('/auth', {'username': 'bob', 'password': 'wrong', 'serveraddress': address})
            assert answer.status == 500 and answer.json['message'].endswith('/v2/ failed with status: 401 Unauthorized'), answer.text
        answer = create(engine, name, username='bob', password='wrong')    # not 401: docker would wait for better ones
        assert answer.status == 404 and answer.json['message'].endswith('unauthorized: authentication required'), answer.text
        good = login(cli, registry.name, 'bob', 'pass word:1')
        assert good.code == 0 and 'Login Succeeded' in good.out, good
        cli('pull', name)
        assert 'Layer already exists' in cli.out('push', name)
        cli('logout', registry.name)
        assert 'no basic auth credentials' in refused(cli, 'push', name)
        cli('rmi', name)
    finally:
        registry.close()


def test_token_flow(cli, engine, token_registry):
    registry, service = token_registry, token_registry.service
    cli('pull', f'{registry.name}/team/open:1')
    assert all('Authorization' not in entry.headers for entry in service.log)
    closed = f'{registry.name}/team/closed'
    denied = f"pull access denied for {closed}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    assert denied in refused(cli, 'pull', closed + ':1')
    assert create(engine, closed + ':1').status == 404
    assert 'denied: requested access to the resource is denied' in refused(cli, 'push', f'{registry.name}/team/open:1')

    wrong = login(cli, registry.name, 'alice', 'wrong')
    assert wrong.code == 1 and f'Get "http://{registry.name}/v2/": unauthorized: incorrect username or password' in wrong.err, wrong
    answer = engine.post('/auth', {'username': 'alice', 'password': 'wrong', 'serveraddress': registry.name})
    assert answer.status == 401 and answer.json['message'].endswith('unauthorized: incorrect username or password')
    good = engine.post('/auth', {'username': 'alice', 'password': 'secret', 'serveraddress': registry.name})
    assert good.status == 200 and good.json == {'IdentityToken': '', 'Status': 'Login Succeeded'}
    assert create(engine, closed + ':1', username='alice', password='wrong').json['message'].endswith('incorrect username or password')

    assert 'Login Succeeded' in login(cli, registry.name, 'alice', 'secret').out
    service.log.clear()
    cli('pull', closed + ':1')
    assert len(service.log) == 1 and 'scope=repository%3Ateam%2Fclosed%3Apull&' in service.log[0].path
    cli('tag', closed + ':1', f'{registry.name}/team/new:1')
    service.log.clear()
    cli('push', f'{registry.name}/team/new:1')
    assert 'scope=repository%3Ateam%2Fnew%3Apull%2Cpush&' in service.log[0].path
    assert '1' in registry.repositories['team/new']
    cli('rmi', f'{registry.name}/team/open:1', closed + ':1', f'{registry.name}/team/new:1')


def test_identity_tokens_replace_the_password(docker, token_registry):
    registry, service = token_registry, token_registry.service
    service.identity = 'identity-1'
    login(docker, registry.name, 'alice', 'secret')
    kept = json.load(open(docker.config + '/config.json'))['auths'][registry.name]
    assert kept['identitytoken'] == 'identity-1' and b'secret' not in base64.b64decode(kept.get('auth', ''))
    docker('pull', f'{registry.name}/team/closed:1')
    assert service.log[-1].method == 'POST' and service.log[-1].form['grant_type'] == 'refresh_token'
    docker('rmi', f'{registry.name}/team/closed:1')
    docker('logout', registry.name)


def test_expired_tokens_are_renewed(docker, token_registry):
    registry, service = token_registry, token_registry.service
    service.life = 0.5    # shorter than the pause before a download is taken up again
    with registry.fault(f'GET .*/blobs/{sha(registry.layer[1])}', cut_after(100_000)):
        docker('pull', f'{registry.name}/team/open:1')
    tokens = [entry for entry in service.log if entry.status == 200]
    assert len(tokens) >= 2 and registry.seen('GET .*/blobs/')[-1].status == 206
    service.life = 300
    login(docker, registry.name, 'alice', 'secret')

    def forget(handler):    # between the beginning of an upload and its bytes
        if forget.armed:
            service.tokens.clear()
            forget.armed = False
    forget.armed = True
    docker('tag', f'{registry.name}/team/open:1', f'{registry.name}/team/late:1')
    registry.linked = {entry for entry in registry.linked if entry[0] != 'team/open'}
    with registry.fault('PATCH', forget):
        docker('push', f'{registry.name}/team/late:1')
    assert '1' in registry.repositories['team/late'] and not forget.armed
    docker('rmi', f'{registry.name}/team/open:1', f'{registry.name}/team/late:1')
    docker('logout', registry.name)


def test_passwords_stay_with_whom_they_were_given_to(docker, engine):
    service = TokenService(address='127.0.0.2')    # another party's, for all that anybody can tell
    registry = Registry(auth=service)
    registry.image('team/open', '1', [layer()])
    try:
        create(engine, f'{registry.name}/team/open:1', username='alice', password='secret')
        assert service.log and all('Authorization' not in entry.headers for entry in service.log)
        docker('rmi', f'{registry.name}/team/open:1')
    finally:
        registry.close()
        service.close()


def test_blobs_behind_a_redirect_come_without_the_token(docker, token_registry):
    registry, storage = token_registry, Registry()
    storage.blobs, storage.linked = registry.blobs, registry.linked
    registry.blob_host = storage.url
    try:
        with storage.fault(f'GET .*/blobs/{sha(registry.layer[1])}', cut_after(100_000)):
            docker('pull', f'{registry.name}/team/open:1')
        assert len(storage.seen('GET .*signature=x')) == 3    # config, the layer, its rest
        assert all('Authorization' not in entry.headers for entry in storage.log)
        assert registry.seen('GET .*/blobs/')[-1].headers['Authorization'].startswith('Bearer ')
        assert storage.log[-1].headers['Range'] == 'bytes=100000-'
        docker('rmi', f'{registry.name}/team/open:1')
    finally:
        storage.close()


# ---- certificates, names and ways

@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture(scope='module')
def etc(tmp_path_factory):
    """What the daemons of these tests see over /etc; certs.d may change while they run."""
    folder = tmp_path_factory.mktemp('etc')
    (folder / 'docker/certs.d').mkdir(parents=True)
    names = ['registry', 'auth', 'mutual', 'open', 'plain', 'direct']
    (folder / 'hosts').write_text('127.0.0.1 localhost\n' + ''.join(f'127.0.0.1 {name}.sampan.test\n' for name in names))
    return folder


@pytest.fixture(scope='module')
def secure(nothing_left, etc):
    engine = Engine(prefix=within_etc(etc), args=['--insecure-registry', 'open.sampan.test'])
    yield engine
    engine.close()


@pytest.fixture(params=['docker', 'sampan'])
def secure_cli(request, secure):
    client = client_of(request.param, secure)
    yield client
    client.close()


def trust(etc, host, **files):
    folder = etc / 'docker/certs.d' / host
    folder.mkdir(exist_ok=True)
    for name, source in files.items():
        (folder / name.replace('_', '.')).write_bytes(open(source, 'rb').read())


def test_certificates_of_a_private_authority(secure_cli, secure, etc, authority):
    service = TokenService(tls=authority.issue('auth.sampan.test'), host='auth.sampan.test')
    registry = Registry(auth=service, tls=authority.issue('registry.sampan.test'), host='registry.sampan.test')
    registry.image('team/app', '1', [layer()])
    name = f'{registry.name}/team/app:1'
    try:
        unknown = 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
        assert unknown in refused(secure_cli, 'pull', name)
        assert unknown in login(secure_cli, registry.name, 'alice', 'secret').err
        trust(etc, registry.name, ca_crt=authority.cert)    # seen without a restart; the token service is trusted by it, too
        assert 'Login Succeeded' in login(secure_cli, registry.name, 'alice', 'secret').out
        secure_cli('pull', name)
        assert 'Basic ' in service.log[-1].headers['Authorization']
        secure_cli('rmi', name)
    finally:
        registry.close()
        service.close()


def test_certificates_for_another_name_are_refused(secure_cli, etc, authority):
    registry = Registry(tls=authority.issue('other.sampan.test'), host='registry.sampan.test')
    trust(etc, registry.name, ca_crt=authority.cert)
    try:
        assert 'x509: certificate is valid for other.sampan.test, not registry.sampan.test' in refused(secure_cli, 'pull', f'{registry.name}/x:1')
    finally:
        registry.close()


def test_client_certificates(secure_cli, etc, authority):
    registry = Registry(tls=authority.issue('mutual.sampan.test'), client_ca=str(authority.cert), host='mutual.sampan.test')
    registry.image('team/app', '1', [layer()])
    name = f'{registry.name}/team/app:1'
    cert, key = authority.issue('somebody', client=True)
    try:
        trust(etc, registry.name, ca_crt=authority.cert)
        assert re.search('tls: |connection reset|EOF', refused(secure_cli, 'pull', name))    # an alert, unless the end comes first
        trust(etc, registry.name, client_cert=cert)
        assert 'missing key client.key for client certificate client.cert' in refused(secure_cli, 'pull', name)
        trust(etc, registry.name, client_key=key)
        secure_cli('pull', name)
        secure_cli('rmi', name)
    finally:
        registry.close()


def test_insecure_registries_by_name(secure_cli, secure, authority, tmp_path):
    stranger = Authority(tmp_path / 'stranger')
    for tls in (stranger.issue('whoever.test'), None):    # a certificate that nobody knows, and no TLS at all
        registry = Registry(tls=tls, host='open.sampan.test')
        registry.image('team/app', '1', [layer()])
        try:
            secure_cli('pull', f'{registry.name}/team/app:1')
            secure_cli('rmi', f'{registry.name}/team/app:1')
        finally:
            registry.close()
    registry = Registry(host='registry.sampan.test')
    try:
        assert 'http: server gave HTTP response to HTTPS client' in refused(secure_cli, 'pull', f'{registry.name}/team/app:1')
        assert not registry.log
    finally:
        registry.close()


@pytest.mark.parametrize('way', ['environment', 'daemon.json', 'flags'])
def test_proxies(way, nothing_left, etc, authority, tmp_path):
    proxy = Proxy(user='u', password='p')
    registry = Registry(tls=authority.issue('registry.sampan.test'), host='registry.sampan.test')
    plain, direct = Registry(host='plain.sampan.test'), Registry(host='direct.sampan.test')
    trust(etc, registry.name, ca_crt=authority.cert)
    for each in (registry, plain, direct):
        each.image('team/app', '1', [layer()])
    args, env = ['--insecure-registry', 'plain.sampan.test', '--insecure-registry', 'direct.sampan.test'], {}
    if way == 'environment':
        env = {'HTTP_PROXY': proxy.url, 'HTTPS_PROXY': proxy.url, 'NO_PROXY': 'direct.sampan.test'}
    elif way == 'flags':
        args += ['--http-proxy', proxy.url, '--https-proxy', proxy.url, '--no-proxy', 'direct.sampan.test']
        env = {'HTTPS_PROXY': 'http://127.0.0.1:1', 'HTTP_PROXY': 'http://127.0.0.1:1'}    # flags count more
    else:
        (tmp_path / 'daemon.json').write_text(json.dumps({'proxies': {
            'http-proxy': proxy.url, 'https-proxy': proxy.url, 'no-proxy': 'direct.sampan.test'}}))
        args += ['--config-file', str(tmp_path / 'daemon.json')]
    engine = Engine(prefix=within_etc(etc), args=args, env=env)
    try:
        client = client_of('docker', engine)
        client('pull', f'{registry.name}/team/app:1')
        assert len(proxy.seen(f'CONNECT {registry.name}')) >= 1 and not proxy.seen('GET')
        client('pull', f'{plain.name}/team/app:1')
        assert len(proxy.seen(f'GET http://{plain.name}/v2/team/app/')) == 3
        count = len(proxy.log)
        client('pull', f'{direct.name}/team/app:1')
        assert len(proxy.log) == count and direct.log
        info = engine.get('/info').json
        assert info['NoProxy'] == 'direct.sampan.test' and ':p@' not in info['HttpsProxy'], info['HttpsProxy']
        proxy.server.credentials = 'Basic other'
        assert 'Proxy Authentication Required' in refused(client, 'pull', f'auth.sampan.test:{registry.server.port}/team/app:1')
        client.close()
    finally:
        engine.close()
        for each in (proxy, registry, plain, direct):
            each.close()


@pytest.fixture(scope='module')
def hub(nothing_left, etc, authority):
    """Docker Hub's names by way of a proxy, and a mirror before them."""
    service = TokenService(tls=authority.issue('auth.docker.io'), service='registry.docker.io')
    service.realm = 'https://auth.docker.io/token'
    registry = Registry(auth=service, tls=authority.issue('registry-1.docker.io'), host='registry-1.docker.io')
    mirror = Registry()
    proxy = Proxy({'registry-1.docker.io:443': ('127.0.0.1', registry.server.port), 'auth.docker.io:443': ('127.0.0.1', service.server.port)})
    trust(etc, 'registry-1.docker.io', ca_crt=authority.cert)
    engine = Engine(prefix=within_etc(etc), env={'HTTPS_PROXY': proxy.url}, args=['--registry-mirror', mirror.url])
    engine.hub, engine.mirror, engine.service = registry, mirror, service
    yield engine
    engine.close()
    for each in (proxy, registry, mirror, service):
        each.close()


@pytest.fixture(params=['docker', 'sampan'])
def hub_cli(request, hub):
    client = client_of(request.param, hub)
    yield client
    client.close()


def test_docker_hub(hub_cli, hub):
    hub.hub.image('library/hello', 'latest', [layer()])
    hub.service.private = {'alice/closed'}
    hub.hub.image('alice/closed', 'latest', [layer()])
    out = hub_cli.out('pull', 'hello')
    assert 'latest: Pulling from library/hello' in out and 'Status: Downloaded newer image for hello:latest' in out
    assert "pull access denied for alice/closed, repository does not exist or may require 'docker login': denied" in refused(hub_cli, 'pull', 'alice/closed')
    wrong = login(hub_cli, None, 'alice', 'wrong')
    assert wrong.code == 1 and 'Get "https://registry-1.docker.io/v2/": unauthorized: incorrect username or password' in wrong.err, wrong
    assert 'Login Succeeded' in login(hub_cli, None, 'alice', 'secret').out
    hub_cli('pull', 'alice/closed')
    hub_cli('tag', 'hello', 'alice/mine')
    hub_cli('push', 'alice/mine')
    assert 'latest' in hub.hub.repositories['alice/mine'] and 'alice/mine' not in hub.mirror.repositories
    assert all('Authorization' not in entry.headers for entry in hub.mirror.log)    # the hub's password is not the mirror's
    hub_cli('rmi', 'hello', 'alice/closed', 'alice/mine')
    del hub.hub.repositories['alice/mine']


def test_mirrors_come_first_and_may_fail(hub_cli, hub):
    mirrored = hub.mirror.image('library/near', 'latest', [layer()])
    hub.hub.image('library/near', 'latest', [layer()])
    hub.hub.log.clear()
    assert mirrored['digest'] in hub_cli.out('pull', 'near') and not hub.hub.log
    hub_cli('rmi', 'near')
    with hub.mirror.fault('.', answering(500, 99)):    # it is ill: the hub has the image, too
        assert mirrored['digest'] not in hub_cli.out('pull', 'near') and hub.hub.log
    hub_cli('rmi', 'near')
    hub.hub.image('library/far', 'latest', [layer()])
    hub_cli('pull', 'far')    # it has never heard of it
    assert hub.mirror.seen('manifests/latest')[-1].status == 404
    hub_cli('rmi', 'far')
    unknown = 'repository nowhere not found: name unknown: repository name not known to registry'
    assert unknown in refused(hub_cli, 'pull', 'nowhere')


def test_a_mirror_that_is_down(hub, etc):
    hub.hub.image('library/there', 'latest', [layer()])
    engine = Engine(prefix=within_etc(etc), env=hub.extra_env, args=['--registry-mirror', 'http://127.0.0.1:1'])
    try:
        assert create(engine, 'there:latest').status == 200
        assert engine.get('/images/there/json').status == 200
    finally:
        engine.close()
