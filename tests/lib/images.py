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
    subprocess.run(['debootstrap', '--variant=minbase', 'bookworm', root, *([mirror] if mirror else [])], check=True,
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
