"""A registry, its token service and a proxy inside the test: each keeps a log of what it was asked, and misbehaves on demand."""
import base64
import contextlib
import hashlib
import http.server
import json
import re
import secrets
import select
import socket
import ssl
import threading
import time
import urllib.parse
import uuid

OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws'


def sha(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


class Request:
    """One line of a server's log."""

    def __init__(self, method, path, headers, status=0):
        self.method, self.path, self.headers, self.status = method, path, headers, status

    def __repr__(self):
        return f'{self.method} {self.path} -> {self.status}'


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handler, tls=None, client_ca=None, address='127.0.0.1'):
        super().__init__((address, 0), handler)
        self.port = self.server_address[1]
        self.scheme = 'https' if tls else 'http'
        self.log, self.context = [], None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
            if client_ca:
                self.context.load_verify_locations(client_ca)
                self.context.verify_mode = ssl.CERT_REQUIRED
        threading.Thread(target=self.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def finish_request(self, request, client_address):
        if self.context:    # in the connection's own thread: a client that refuses our certificate holds up nobody
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass    # clients that break off are part of the tests

    def close(self):
        self.shutdown()
        self.server_close()

    def seen(self, pattern):
        return [entry for entry in list(self.log) if re.search(pattern, f'{entry.method} {entry.path}')]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    default_request_version = 'HTTP/1.0'    # so that even to the first bytes of TLS the answer is one of HTTP
    wbufsize = 64 * 1024

    def log_message(self, *args):
        pass

    def send_response(self, code, message=None):
        if hasattr(self, 'entry'):    # not when what came was no HTTP at all
            self.entry.status = code
        super().send_response(code, message)

    def begin(self):
        self.entry = Request(self.command, self.path, dict(self.headers))
        self.server.log.append(self.entry)

    def body(self):
        if self.headers.get('Transfer-Encoding') == 'chunked':
            parts = []
            while size := int(self.rfile.readline().split(b';')[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b''.join(parts)
        return self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def answer(self, status, body=b'', kind='application/json', **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', kind)
        headers.setdefault('Content_Length', len(body))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), str(value))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def refuse(self, status, code, message, **headers):
        self.answer(status, {'errors': [{'code': code, 'message': message}]}, **headers)


class RegistryHandler(Handler):
    def do_any(self):
        self.begin()
        data = self.body()
        registry = self.server.registry
        for pattern, fault in list(registry.faults):
            if re.search(pattern, f'{self.command} {self.path}') and fault(self):
                return
        if not registry.admit(self):
            return
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path == '/v2/':
            return self.answer(200, {}, Docker_Distribution_Api_Version='registry/2.0')
        for pattern, handle in ((r'/v2/(.+)/manifests/([^/]+)', self.manifest), (r'/v2/(.+)/tags/list', self.tags),
                                (r'/v2/(.+)/blobs/uploads/([^/]*)', self.upload), (r'/v2/(.+)/blobs/([^/]+)', self.blob)):
            if found := re.fullmatch(pattern, path):
                return handle(registry, data, *found.groups())
        self.refuse(404, 'UNSUPPORTED', 'no such route')

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

    def manifest(self, registry, data, repository, reference):
        if self.command == 'PUT':
            kind, digest = self.headers['Content-Type'], sha(data)
            registry.put(repository, reference, data, kind)
            return self.answer(201, Docker_Content_Digest=digest, Location=f'/v2/{repository}/manifests/{digest}')
        if repository not in registry.repositories:
            return self.refuse(404, 'NAME_UNKNOWN', 'repository name not known to registry')
        found = registry.repositories[repository].get(reference)
        if not found:
            return self.refuse(404, 'MANIFEST_UNKNOWN', 'manifest unknown')
        body, kind = found
        self.answer(200, body, kind, Docker_Content_Digest=sha(body))

    def tags(self, registry, data, repository):
        if repository not in registry.repositories:
            return self.refuse(404, 'NAME_UNKNOWN', 'repository name not known to registry')
        tags = sorted(tag for tag in registry.repositories[repository] if ':' not in tag)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        tags = [tag for tag in tags if tag > query.get('last', [''])[0]]
        links = {}
        if registry.page and len(tags) > registry.page:
            tags = tags[:registry.page]
            links['Link'] = f'</v2/{repository}/tags/list?last={tags[-1]}&n={registry.page}>; rel="next"'
        self.answer(200, {'name': repository, 'tags': tags}, **links)

    def upload(self, registry, data, repository, session):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        place = f'/v2/{repository}/blobs/uploads/'
        if self.command == 'POST':
            mounted, source = query.get('mount', [''])[0], query.get('from', [''])[0]
            if mounted and (source, mounted) in registry.linked:
                registry.linked.add((repository, mounted))
                return self.answer(201, Location=f'/v2/{repository}/blobs/{mounted}', Docker_Content_Digest=mounted)
            session = uuid.uuid4().hex
            registry.uploads[session] = b''
            return self.answer(202, Location=place + session, Range='0-0', Docker_Upload_UUID=session)
        if session not in registry.uploads:
            return self.refuse(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
        if self.command == 'DELETE':
            del registry.uploads[session]
            return self.answer(204)
        registry.uploads[session] += data
        if self.command == 'PATCH':
            return self.answer(202, Location=place + session, Range=f'0-{len(registry.uploads[session]) - 1}')
        blob, digest = registry.uploads.pop(session), query['digest'][0]
        if sha(blob) != digest:
            return self.refuse(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
        registry.blobs[digest] = blob
        registry.linked.add((repository, digest))
        self.answer(201, Location=f'/v2/{repository}/blobs/{digest}', Docker_Content_Digest=digest)

    def blob(self, registry, data, repository, digest):
        if (repository, digest) not in registry.linked:
            return self.refuse(404, 'BLOB_UNKNOWN', 'blob unknown to registry')
        if registry.blob_host and self.command == 'GET':
            return self.answer(307, Location=f'{registry.blob_host}{self.path}?signature=x')
        self.send_blob(registry.blobs[digest], registry.ranges)

    def send_blob(self, body, ranges=True, total=None):
        """`total`: announced instead of what is sent."""
        headers, status, first = {}, 200, 0
        wanted = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range', ''))
        if wanted and ranges:
            first, status = int(wanted[1]), 206
            if first >= len(body):
                return self.answer(416)
            headers['Content_Range'] = f'bytes {first}-{len(body) - 1}/{len(body)}'
        headers['Content_Length'] = (total or len(body)) - first
        self.answer(status, body[first:], 'application/octet-stream', **headers)


class Registry:
    """`admit` of an `auth` decides about every request; `faults` are (pattern over 'METHOD /path', handler -> True: answered)."""

    def __init__(self, auth=None, tls=None, client_ca=None, host='127.0.0.1', **kw):
        self.blobs, self.repositories, self.linked, self.uploads = {}, {}, set(), {}
        self.auth, self.faults, self.ranges, self.page, self.blob_host = auth, [], True, 0, ''
        self.server = Server(RegistryHandler, tls, client_ca, **kw)
        self.server.registry = self
        self.name = f'{host}:{self.server.port}'
        self.url = f'{self.server.scheme}://{self.name}'

    @property
    def log(self):
        return self.server.log

    def seen(self, pattern):
        return self.server.seen(pattern)

    def close(self):
        self.server.close()

    def admit(self, handler):
        return self.auth is None or self.auth.admit(handler, self)

    @contextlib.contextmanager
    def fault(self, pattern, handler):
        entry = (pattern, handler)
        self.faults.append(entry)
        try:
            yield
        finally:
            self.faults.remove(entry)

    # ---- content
    def blob(self, repository, data):
        self.blobs[sha(data)] = data
        self.linked.add((repository, sha(data)))
        return sha(data)

    def put(self, repository, reference, body, kind):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        references = self.repositories.setdefault(repository, {})
        references[reference] = references[sha(body)] = (body, kind)
        return {'mediaType': kind, 'digest': sha(body), 'size': len(body)}

    def image(self, repository, tag, layers, kind=DOCKER_MANIFEST, architecture='amd64', edit=None, **config):
        """`layers`: (plain tar, blob, media type) lowest first. `edit(manifest, config)` before they are stored."""
        config = {'architecture': architecture, 'os': 'linux', 'config': {'Cmd': ['/bin/sh']},
                  'rootfs': {'type': 'layers', 'diff_ids': [sha(tar) for tar, _, _ in layers]},
                  'history': [{'created_by': 'test'} for _ in layers], **config}
        manifest = {'schemaVersion': 2, 'mediaType': kind, 'config': {'mediaType': DOCKER_CONFIG if kind == DOCKER_MANIFEST else OCI_CONFIG},
                    'layers': [{'mediaType': media, 'size': len(blob), 'digest': self.blob(repository, blob)} for _, blob, media in layers]}
        if edit:
            edit(manifest, config)
        raw = json.dumps(config).encode()
        manifest['config'] = {**manifest['config'], 'size': len(raw), 'digest': self.blob(repository, raw)}
        return self.put(repository, tag, manifest, kind)

    def index(self, repository, tag, platforms, kind=OCI_INDEX):
        """`platforms`: {'linux/arm64': descriptor}."""
        entries = []
        for name, descriptor in platforms.items():
            os, architecture, *variant = name.split('/')
            entries.append({**descriptor, 'platform': {'os': os, 'architecture': architecture, **({'variant': variant[0]} if variant else {})}})
        return self.put(repository, tag, {'schemaVersion': 2, 'mediaType': kind, 'manifests': entries}, kind)


# ---- who may

class Basic:
    def __init__(self, user, password):
        self.user, self.password = user, password

    def good(self, handler):
        return handler.headers.get('Authorization') == 'Basic ' + base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()

    def admit(self, handler, registry):
        if self.good(handler):
            return True
        handler.refuse(401, 'UNAUTHORIZED', 'authentication required', WWW_Authenticate='Basic realm="test"')


class TokenHandler(Handler):
    def do_any(self):
        self.begin()
        service, data = self.server.service, self.body()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        user, given = None, self.headers.get('Authorization', '')
        if self.command == 'POST':
            form = {key: values[0] for key, values in urllib.parse.parse_qs(data.decode()).items()}
            self.entry.form = form
            query = {'scope': form.get('scope', '').split()}
            if form.get('grant_type') == 'refresh_token':
                if form.get('refresh_token') != service.identity:
                    return self.answer(401, {'details': 'incorrect username or password'})
                user = service.user
            elif form.get('grant_type') == 'password':
                given = 'Basic ' + base64.b64encode(f"{form.get('username')}:{form.get('password')}".encode()).decode()
        if given:
            if given != 'Basic ' + base64.b64encode(f'{service.user}:{service.password}'.encode()).decode():
                return self.answer(401, {'details': 'incorrect username or password'})
            user = service.user
        token = secrets.token_hex(8)
        service.tokens[token] = (set(self.granted(service, user, query.get('scope', []))), time.monotonic() + service.life)
        answer = {'token': token, 'access_token': token, 'expires_in': max(1, int(service.life))}
        if service.identity and (query.get('offline_token') or self.command == 'POST'):
            answer['refresh_token'] = service.identity
        self.answer(200, answer)

    do_GET = do_POST = do_any

    @staticmethod
    def granted(service, user, scopes):
        for scope in scopes:
            _, repository, actions = scope.split(':')
            for action in actions.split(','):
                if user or (action == 'pull' and repository not in service.private):
                    yield repository, action


class TokenService:
    """Docker's token flow: anonymous may pull what is not private, `user` may do everything."""

    def __init__(self, user='alice', password='secret', tls=None, address='127.0.0.1', host='', service='registry.test'):
        self.user, self.password, self.service = user, password, service
        self.tokens, self.life, self.private, self.identity = {}, 300, set(), ''
        self.server = Server(TokenHandler, tls, address=address)
        self.server.service = self
        self.name = f'{host or address}:{self.server.port}'
        self.realm = f'{self.server.scheme}://{self.name}/token'

    @property
    def log(self):
        return self.server.log

    def close(self):
        self.server.close()

    def admit(self, handler, registry):
        scheme, _, token = handler.headers.get('Authorization', '').partition(' ')
        actions, end = self.tokens.get(token, (set(), 0)) if scheme == 'Bearer' else (set(), 0)
        found = re.match(r'/v2/(.+)/(?:manifests|blobs|tags)/', handler.path)
        if not found:
            if end > time.monotonic():
                return True
            handler.refuse(401, 'UNAUTHORIZED', 'authentication required', WWW_Authenticate=f'Bearer realm="{self.realm}",service="{self.service}"')
            return False
        action = 'pull' if handler.command in ('GET', 'HEAD') else 'push'
        wanted = {(found[1], action)}
        source = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query).get('from')
        if source:
            wanted.add((source[0], 'pull'))
        if end > time.monotonic() and wanted <= actions:
            return True
        scope = f'repository:{found[1]}:' + ('pull' if action == 'pull' else 'pull,push') + (f' repository:{source[0]}:pull' if source else '')
        error = ',error="insufficient_scope"' if end > time.monotonic() else ''
        handler.refuse(401, 'UNAUTHORIZED', 'authentication required',
                       WWW_Authenticate=f'Bearer realm="{self.realm}",service="{self.service}",scope="{scope}"{error}')
        return False


# ---- a proxy

class ProxyHandler(Handler):
    def where(self, host, port):
        return self.server.routes.get(f'{host}:{port}', ('127.0.0.1', int(port)))

    def do_CONNECT(self):
        self.begin()
        host, _, port = self.path.rpartition(':')
        if self.server.credentials and self.headers.get('Proxy-Authorization') != self.server.credentials:
            return self.answer(407, Proxy_Authenticate='Basic realm="proxy"')
        try:
            upstream = socket.create_connection(self.where(host, port))
        except OSError:
            return self.answer(502)
        self.send_response(200, 'Connection established')
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        pair = [self.connection, upstream]
        with upstream:
            while True:
                for ready in select.select(pair, [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    pair[ready is self.connection].sendall(data)

    def do_any(self):
        self.begin()
        url = urllib.parse.urlsplit(self.path)
        data = self.body()
        connection = http.client.HTTPConnection(*self.where(url.hostname, url.port or 80))
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ('proxy-authorization', 'transfer-encoding')}
        connection.request(self.command, f'{url.path}?{url.query}' if url.query else url.path, data, headers)
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ('transfer-encoding', 'connection', 'server', 'date'):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_any


class Proxy:
    """`routes`: {'registry-1.docker.io:443': ('127.0.0.1', port)}; what is not in them goes to the loopback's port of that number."""

    def __init__(self, routes=None, user='', password=''):
        self.server = Server(ProxyHandler)
        self.server.routes = dict(routes or {})
        self.server.credentials = 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode() if user else ''
        self.url = f'http://{f"{user}:{password}@" if user else ""}127.0.0.1:{self.server.port}'

    @property
    def log(self):
        return self.server.log

    def seen(self, pattern):
        return self.server.seen(pattern)

    def close(self):
        self.server.close()


# ---- ways to misbehave

def cut_after(count, times=1):
    """Breaks the connection after `count` bytes of the blob; only so often."""
    left = [times]

    def fault(handler):
        if left[0] <= 0:
            return False
        left[0] -= 1
        registry = handler.server.registry
        if not registry.admit(handler):
            left[0] += 1
            return True
        body = registry.blobs[handler.path.rsplit('/', 1)[1].split('?')[0]]
        wanted = re.fullmatch(r'bytes=(\d+)-', handler.headers.get('Range', ''))
        first = int(wanted[1]) if wanted and registry.ranges else 0
        handler.send_response(206 if first else 200)
        if first:
            handler.send_header('Content-Range', f'bytes {first}-{len(body) - 1}/{len(body)}')
        handler.send_header('Content-Length', str(len(body) - first))
        handler.end_headers()
        handler.wfile.write(body[first:first + count])
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return True
    return fault


def answering(status, times=1, code='', message='', **headers):
    left = [times]

    def fault(handler):
        if left[0] <= 0:
            return False
        left[0] -= 1
        if code:
            handler.refuse(status, code, message, **headers)
        else:
            handler.answer(status, b'', 'text/plain', **headers)
        return True
    return fault


def sending(body, **kw):
    def fault(handler):
        handler.send_blob(body, **kw)
        return True
    return fault
