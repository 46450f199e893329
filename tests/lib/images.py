"""Root file systems for the tests, made on this host and kept between runs."""
import io
import os
import shutil
import subprocess
import tarfile

CACHE = os.environ.get('SAMPAN_TEST_CACHE', '/var/cache/sampan-tests')


def busybox_tar():
    """A root with busybox-static and its applets, a root and a nobody user."""
    path = CACHE + '/busybox-2.tar'
    if os.path.exists(path):
        return path
    os.makedirs(CACHE, exist_ok=True)
    applets = subprocess.run(['/bin/busybox', '--list'], capture_output=True, text=True, check=True).stdout.split()
    with tarfile.open(path + '.part', 'w') as tar:
        for name in ['bin', 'etc', 'root', 'dev', 'proc', 'sys', 'usr', 'var', 'var/spool']:
            add_dir(tar, name)
        add_dir(tar, 'tmp', 0o1777)
        tar.add('/bin/busybox', 'bin/busybox')
        for applet in applets:
            if applet != 'busybox':
                add_link(tar, 'bin/' + applet, 'busybox')
        add_file(tar, 'etc/passwd', b'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nweb:x:1000:1000::/home/web:/bin/sh\n')
        add_file(tar, 'etc/group', b'root:x:0:\nnogroup:x:65534:\nweb:x:1000:\naudio:x:29:web\n')
    os.rename(path + '.part', path)
    return path


def debian_tar():
    """Debian bookworm by debootstrap from the host's own mirror."""
    path = CACHE + '/debian.tar'
    if os.path.exists(path):
        return path
    os.makedirs(CACHE, exist_ok=True)
    root = CACHE + '/debian-root'
    shutil.rmtree(root, ignore_errors=True)
    mirror = debian_mirror()
    subprocess.run(['unshare', '-m', 'debootstrap', '--variant=minbase', 'bookworm', root, *([mirror] if mirror else [])], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(['tar', 'c', '-C', root, '-f', path + '.part', '.'], check=True)
    os.rename(path + '.part', path)
    shutil.rmtree(root)
    return path


def debian_mirror():
    for name in ['/etc/apt/sources.list.d/debian.sources']:
        if os.path.exists(name):
            for line in open(name):
                if line.startswith('URIs:'):
                    return line.split()[1]
    if os.path.exists('/etc/apt/sources.list'):
        for line in open('/etc/apt/sources.list'):
            words = line.split()
            if len(words) > 2 and words[0] == 'deb':
                return next(word for word in words[1:] if '://' in word)
    return None


def add_file(tar, name, data, mode=0o644, uid=0, gid=0):
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.uid, info.gid = len(data), mode, uid, gid
    tar.addfile(info, io.BytesIO(data))


def add_dir(tar, name, mode=0o755, uid=0, gid=0):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid = tarfile.DIRTYPE, mode, uid, gid
    tar.addfile(info)


def add_link(tar, name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o777
    tar.addfile(info)


def probe():
    """tests/lib/probe.c as a static program."""
    source = os.path.join(os.path.dirname(__file__), 'probe.c')
    import hashlib
    path = CACHE + '/probe-' + hashlib.sha256(open(source, 'rb').read()).hexdigest()[:12]
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        import platform
        subprocess.run(['musl-gcc', '-static', '-O1', '-idirafter', '/usr/include', '-idirafter', f'/usr/include/{platform.machine()}-linux-gnu',
                        '-o', path + '.part', source], check=True)
        os.rename(path + '.part', path)
    return path


def probe_tar(extra=None):
    """busybox with the probe in /bin, also as /bin/suid, and what `extra(tar)` adds."""
    out = io.BytesIO()
    with tarfile.open(busybox_tar()) as base, tarfile.open(fileobj=out, mode='w') as tar:
        for member in base:
            tar.addfile(member, base.extractfile(member) if member.isreg() else None)
        program = open(probe(), 'rb').read()
        add_file(tar, 'bin/probe', program, 0o755)
        add_file(tar, 'bin/suid', program, 0o4755)
        add_file(tar, 'image-of-the-probe', b'')
        if extra:
            extra(tar)
    return out.getvalue()


def import_bytes(engine, data, name, changes=('CMD ["sh"]', 'ENV PATH=/usr/bin:/bin')):
    from urllib.parse import quote
    query = f'/images/create?fromSrc=-&repo={quote(name)}' + ''.join('&changes=' + quote(change) for change in changes)
    answer = engine.post(query, data, headers={'Content-Type': 'application/x-tar'})
    assert answer.status == 200 and 'sha256:' in answer.text, answer.text


def services_tar():
    """Debian with PostgreSQL, Redis, nginx and gosu, by debootstrap; made once."""
    path = CACHE + '/services-1.tar'
    if os.path.exists(path):
        return path
    os.makedirs(CACHE, exist_ok=True)
    root = CACHE + '/services-root'
    shutil.rmtree(root, ignore_errors=True)
    mirror = debian_mirror()
    subprocess.run(['unshare', '-m', 'debootstrap', '--variant=minbase', '--include=postgresql,redis-server,nginx-light,gosu,ca-certificates', 'bookworm', root,
                    *([mirror] if mirror else [])], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(root + '/var/cache/apt/archives', ignore_errors=True)
    subprocess.run(['tar', 'c', '-C', root, '--exclude=./dev/*', '-f', path + '.part', '.'], check=True)
    os.rename(path + '.part', path)
    shutil.rmtree(root)
    return path


def load_image(engine, name, config):
    """busybox with this config, by `load` of a Docker archive: what `import` has no words for."""
    import hashlib
    import json
    layer = open(busybox_tar(), 'rb').read()
    digest = 'sha256:' + hashlib.sha256(layer).hexdigest()
    document = json.dumps({'architecture': _architecture(), 'os': 'linux', 'config': config, 'rootfs': {'type': 'layers', 'diff_ids': [digest]}}).encode()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w') as tar:
        add_file(tar, 'layer.tar', layer)
        add_file(tar, 'config.json', document)
        add_file(tar, 'manifest.json', json.dumps([{'Config': 'config.json', 'RepoTags': [name], 'Layers': ['layer.tar']}]).encode())
    answer = engine.post('/images/load', out.getvalue(), headers={'Content-Type': 'application/x-tar'})
    assert answer.status == 200 and 'Loaded image' in answer.text, answer.text


def _architecture():
    import platform
    return {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine())


def small_tar():
    """Three files: for imports and pulls that are many."""
    path = CACHE + '/small-1.tar'
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        with tarfile.open(path + '.part', 'w') as tar:
            add_dir(tar, 'etc')
            for number in range(3):
                add_file(tar, f'etc/file{number}', f'{number}\n'.encode() * 20000)
        os.rename(path + '.part', path)
    return path
