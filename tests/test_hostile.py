"""Attacks from inside containers and images: the host must not notice. Each names what it is after; canaries tell."""
import errno
import hashlib
import json
import os
import pty
import fcntl
import re
import struct
import subprocess
import termios
import time

import pytest

from lib import images
from lib.engine import BIN

CANARY = '/var/tmp/sampan-canary'


@pytest.fixture(scope='module')
def probe(engine):
    images.import_bytes(engine, images.probe_tar(), 'probe:1')
    return 'probe:1'


@pytest.fixture(autouse=True)
def canary():
    """A directory of the host that nothing may enter or change."""
    subprocess.run(['rm', '-rf', CANARY], check=True)
    os.makedirs(CANARY)
    with open(CANARY + '/secret', 'w') as file:
        file.write('of the host')
    yield CANARY
    found = os.listdir(CANARY)
    text = open(CANARY + '/secret').read()
    subprocess.run(['rm', '-rf', CANARY], check=True)
    assert found == ['secret'] and text == 'of the host', f'the host was changed: {found} {text!r}'


def run(docker, *args, **kw):
    kw.setdefault('check', False)
    return docker('run', '--rm', *args, **kw)


def memory(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status').read()).group(1)) // 1024


def programs():
    return {name: hashlib.sha256(open(f'{BIN}/{name}', 'rb').read()).hexdigest() for name in ('sampan-shim', 'sampan-init', 'sampand')}


# ---- the runtime's own program (CVE-2019-5736)

@pytest.mark.parametrize('flags', [[], ['--init'], ['--cap-add', 'SYS_PTRACE']])
def test_programs_of_the_engine_cannot_be_overwritten(docker, engine, probe, flags):
    def extra(tar):
        images.add_file(tar, 'evil', b'#!/proc/self/exe\n', 0o755)
        images.add_link(tar, 'evil-link', '/proc/self/exe')
    images.import_bytes(engine, images.probe_tar(extra), 'evil:1')
    before = programs()
    name = docker.out('run', '-d', *flags, 'evil:1', 'probe', 'overwrite', '60')
    try:
        for _ in range(5):      # the runtime's process comes in, and becomes what the image says
            docker('exec', name, '/evil', check=False)
            docker('exec', name, '/evil-link', check=False)
            docker('exec', name, 'true')
        run(docker, 'evil:1', '/evil')
        run(docker, '--entrypoint', '/evil-link', 'evil:1')
        said = docker.out('logs', name)
        assert 'opened' in said and 'WRITTEN' not in said, said
    finally:
        docker('rm', '-f', name)
    assert programs() == before


# ---- descriptors (CVE-2024-21626, CVE-2016-9962)

@pytest.mark.parametrize('flags', [[], ['--init'], ['--privileged'], ['--user', '1000'], ['--network', 'host', '--pid', 'host'], ['-v', '/tmp:/tmp:ro']])
def test_no_descriptor_leaks_into_the_process(docker, probe, flags):
    fds = [line.split()[0] for line in run(docker, *flags, probe, 'probe', 'fds', check=True).out.splitlines()]
    assert fds == ['0', '1', '2'], fds


def test_no_descriptor_leaks_into_an_exec(docker, probe):
    name = docker.out('run', '-d', probe, 'sleep', '1000')
    try:
        for flags in [[], ['-i'], ['--privileged'], ['-u', '1000'], ['-w', '/tmp']]:
            fds = [line.split()[0] for line in docker.out('exec', *flags, name, 'probe', 'fds').splitlines()]
            assert fds == ['0', '1', '2'], (flags, fds)
    finally:
        docker('rm', '-f', name)


def test_no_directory_of_the_host_through_workdir(docker, engine, probe, canary):
    name = docker.out('run', '-d', probe, 'sleep', '1000')
    up = '/'.join(['..'] * 12) + canary + '/secret'
    try:
        for number in range(3, 32):
            for where in (f'/proc/self/fd/{number}', f'/proc/self/fd/{number}/..', f'/proc/1/fd/{number}', f'/dev/fd/{number}'):
                for result in ([docker('exec', '-w', where, name, 'cat', up, check=False)] if number % 4 else
                               [docker('exec', '-w', where, name, 'cat', up, check=False), run(docker, '-w', where, probe, 'cat', up)]):
                    assert 'of the host' not in result.out + result.err, (where, result)
                if number > 12:
                    break
    finally:
        docker('rm', '-f', name)


def test_spy_sees_no_descriptor_of_the_engine(docker, probe):
    """While the runtime's processes pass through the pid namespace of the container, its root looks at their descriptors."""
    name = docker.out('run', '-d', probe, 'probe', 'spy', '120')
    try:
        for _ in range(25):
            docker('exec', name, 'true')
        seen = docker.out('logs', name).splitlines()
        assert seen, 'the spy saw nothing at all'
        strange = [line for line in seen if not re.match(r'^(pipe:\[|socket:\[|/dev/null$|/proc(/|$)|/dev/pts/)', line)]
        assert not strange, strange
    finally:
        docker('rm', '-f', name)


# ---- destinations of mounts (CVE-2021-30465, 2019-19921, 2019-16884, 2023-27561, 2025-31133, 2025-52881, 2026-41579)

def variant(engine, name, extra, changes=('CMD ["sh"]', 'ENV PATH=/usr/bin:/bin')):
    images.import_bytes(engine, images.probe_tar(extra), name, changes)
    return name


def test_destinations_through_links_stay_inside(docker, engine, canary):
    def extra(tar):
        images.add_link(tar, 'absolute', canary)
        images.add_link(tar, 'magic', '/proc/self/root' + canary)
        images.add_link(tar, 'file', canary + '/secret')
    name = variant(engine, 'links:1', extra)
    for link in ('absolute', 'magic'):
        for flags in (['-v', f'/{link}'], ['-v', f'vol-links:/{link}/new'], ['--tmpfs', f'/{link}/new'], ['-v', f'/etc/hostname:/{link}/secret'],
                      ['-w', f'/{link}/made']):
            run(docker, *flags, name, 'sh', '-c', f'touch /{link}/touched; ls /{link}')
    run(docker, '-v', '/etc/hostname:/file', name, 'true')
    docker('volume', 'rm', '-f', 'vol-links')


@pytest.mark.parametrize('path, target', [('proc', '/etc'), ('sys', '/etc'), ('dev', CANARY), ('proc', CANARY)])
def test_image_with_links_for_the_kernels_directories_is_harmless(docker, engine, canary, path, target):
    import io
    import tarfile
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(images.probe_tar())) as base, tarfile.open(fileobj=out, mode='w') as tar:
        for member in base:
            if member.name != path:
                tar.addfile(member, base.extractfile(member) if member.isreg() else None)
        images.add_link(tar, path, target)
    images.import_bytes(engine, out.getvalue(), 'fake:1')
    result = run(docker, 'fake:1', 'sh', '-c', 'cat /proc/self/status; echo x > /proc/sys/kernel/core_pattern; ls /dev')
    assert result.code != 0 or path == 'dev' or 'Name:' in result.out, result
    assert open('/proc/sys/kernel/core_pattern').read().strip() != 'x'


def test_devices_of_an_image_mask_nothing(docker, engine, canary):
    """The masks are the engine's own /dev/null and directories, whatever the image put there."""
    def extra(tar):
        images.add_link(tar, 'dev/null', '/etc/passwd')
        images.add_link(tar, 'dev/console', canary + '/secret')
        images.add_link(tar, 'dev/pts', canary)
    name = variant(engine, 'masks:1', extra)
    result = run(docker, name, 'sh', '-c', 'cat /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug 2>/dev/null | wc -c; echo own > /dev/null; ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | wc -w')
    assert result.out.split() == ['0', '0'], result
    run(docker, '-t', name, 'sh', '-c', 'echo overwritten > /dev/console')


@pytest.mark.parametrize('target', ['/proc', '/proc/self', '/proc/sys', '/proc/sys/kernel', '/x/../proc/sys'])
def test_nothing_is_mounted_over_proc(docker, probe, canary, target):
    for flags in (['-v', f'{canary}:{target}'], ['--tmpfs', target], ['-v', f'procvol:{target}']):
        result = run(docker, *flags, probe, 'cat', '/proc/self/status')
        assert result.code != 0, (flags, result)
    docker('volume', 'rm', '-f', 'procvol')


@pytest.mark.parametrize('target', ['/', '//', '/.', '/x/..'])
def test_nothing_is_mounted_over_the_root(docker, probe, canary, target):
    assert run(docker, '-v', f'{canary}:{target}', probe, 'true').code != 0


def test_destination_that_is_exchanged_while_it_is_mounted(docker, engine, probe, canary):
    """One container swaps a directory and a link in a volume; others are started with mounts below it."""
    docker('volume', 'create', 'race')
    docker('run', '--rm', '-v', 'race:/v', probe, 'sh', '-c', f'mkdir -p /v/a; ln -s ../../../../../../../../..{canary} /v/b; ln -s {canary} /v/c')
    name = docker.out('run', '-d', '-v', 'race:/v', probe, 'sh', '-c', 'probe swap /v/a /v/b 60 & probe swap /v/b /v/c 60; wait')
    try:
        for i in range(12):
            run(docker, '-v', 'race:/v', '--tmpfs', '/v/a/below', probe, 'touch', '/v/a/below/x')
            run(docker, '-v', 'race:/v', '-v', f'/etc/hostname:/v/a/file{i}', probe, 'true')
            run(docker, '-v', 'race:/v', '-w', '/v/a/work', probe, 'touch', 'x')
            docker('exec', '-w', '/v/a', name, 'touch', 'from-exec', check=False)
    finally:
        docker('rm', '-f', name)
        docker('volume', 'rm', '-f', 'race')
    mounted = open('/proc/self/mountinfo').read()
    assert canary not in mounted


def test_subpath_of_a_volume_stays_in_it(engine, docker, probe, canary):
    docker('volume', 'create', 'sub')
    docker('run', '--rm', '-v', 'sub:/v', probe, 'sh', '-c', f'mkdir /v/in; ln -s {canary} /v/abs; ln -s ../../../../../../../..{canary} /v/rel; ln -s / /v/root; echo mine > /v/in/f')
    try:
        for subpath in ['abs', 'rel', 'root/var', 'root', '../..', 'in/../../..', '/etc', 'in/../../x']:
            made = engine.post('/containers/create', {'Image': probe, 'Cmd': ['ls', '-A', '/m'], 'HostConfig': {'Mounts': [
                {'Type': 'volume', 'Source': 'sub', 'Target': '/m', 'VolumeOptions': {'Subpath': subpath}}]}})
            if made.status != 201:
                continue
            path = '/containers/' + made.json['Id']
            if engine.post(path + '/start').status == 204:
                engine.post(path + '/wait')
                text = engine.get(path + '/logs?stdout=1').text
                assert 'secret' not in text and 'lib' not in text, (subpath, text)
            engine.delete(path + '?force=1')
    finally:
        docker('volume', 'rm', '-f', 'sub')


def test_volume_of_an_image_copies_nothing_of_the_host(docker, engine, canary):
    """CVE-2022-23648: the image's directory at VOLUME is a link to the host's."""
    def extra(tar):
        images.add_link(tar, 'abs', canary)
        images.add_link(tar, 'rel', '/proc/self/root' + canary)
        images.add_dir(tar, 'dir')
        images.add_link(tar, 'dir/inner', canary + '/secret')
    name = variant(engine, 'copies:1', extra, ['CMD ["sh"]', 'ENV PATH=/bin', 'VOLUME ["/abs", "/rel", "/dir"]'])
    result = run(docker, name, 'sh', '-c', 'ls -A /abs /rel; cat /dir/inner')
    assert 'secret' not in result.out and 'of the host' not in result.out, result
    escaping = variant(engine, 'copies:2', None, ['CMD ["sh"]', 'ENV PATH=/bin', f'VOLUME ["/../../../..{canary}", "/x/../../..{canary}/in"]'])
    assert 'of the host' not in run(docker, escaping, 'sh', '-c', f'cat {canary}/secret').out


# ---- what the process may do

REFUSED = {'mount', 'umount', 'unshare_user', 'unshare_net', 'setns', 'clone_newuser', 'keyctl', 'add_key', 'request_key', 'bpf', 'perf_event_open',
           'userfaultfd', 'io_uring_setup', 'io_uring_enter', 'io_uring_register', 'fsopen', 'open_tree', 'move_mount', 'mount_setattr',
           'open_by_handle_at', 'pivot_root', 'reboot', 'kexec_load', 'init_module', 'delete_module', 'swapon', 'settimeofday', 'acct', 'quotactl',
           'syslog', 'personality', 'vsock'}


@pytest.mark.parametrize('how', ['run', 'exec', 'user'])
def test_system_calls_that_docker_forbids_are_forbidden(docker, probe, how):
    if how == 'exec':
        name = docker.out('run', '-d', probe, 'sleep', '1000')
        try:
            out = docker.out('exec', name, 'probe', 'calls')
        finally:
            docker('rm', '-f', name)
    else:
        out = run(docker, *(['-u', '1000'] if how == 'user' else []), probe, 'probe', 'calls', check=True).out
    got = {line.split()[0]: int(line.split()[1]) for line in out.splitlines()}
    wrong = {name: got[name] for name in REFUSED if got[name] != errno.EPERM}
    assert not wrong, wrong
    assert got['clone3'] == errno.ENOSYS, 'libc falls back to clone only on ENOSYS'
    assert got['inet'] == 0 and got['packet'] == (errno.EPERM if how == 'user' else 0)


def test_capabilities_are_bounded_in_run_and_exec(docker, probe):
    def sets(text):
        return {line.split()[0].rstrip(':'): int(line.split()[1], 16) for line in text.splitlines() if line.startswith('Cap')}
    name = docker.out('run', '-d', probe, 'sleep', '1000')
    try:
        for text in (run(docker, probe, 'cat', '/proc/self/status').out, docker.out('exec', name, 'cat', '/proc/self/status')):
            found = sets(text)
            assert found['CapBnd'] == found['CapEff'] == found['CapPrm'] == 0xa80425fb and found['CapInh'] == found['CapAmb'] == 0
        found = sets(docker.out('exec', '-u', '1000', name, 'cat', '/proc/self/status'))
        assert found['CapEff'] == found['CapPrm'] == found['CapInh'] == found['CapAmb'] == 0 and found['CapBnd'] == 0xa80425fb
        assert sets(docker.out('exec', '--privileged', name, 'cat', '/proc/self/status'))['CapEff'] & (1 << 21)
    finally:
        docker('rm', '-f', name)


def test_set_user_id_ends_where_no_new_privileges_is_asked(docker, probe):
    assert run(docker, '-u', '1000', probe, 'suid', 'ids').out.split() == ['1000', '0']
    assert run(docker, '-u', '1000', '--security-opt', 'no-new-privileges', probe, 'suid', 'ids').out.split() == ['1000', '1000']
    name = docker.out('run', '-d', '-u', '1000', '--security-opt', 'no-new-privileges', probe, 'sleep', '1000')
    try:
        assert docker.out('exec', name, 'suid', 'ids').split() == ['1000', '1000']
    finally:
        docker('rm', '-f', name)


def test_devices_are_made_but_not_opened(docker, probe):
    disk = os.stat('/').st_dev
    for how in ('run', 'exec'):
        for kind, major, minor in [('b', os.major(disk), os.minor(disk)), ('c', 1, 1), ('c', 1, 2), ('c', 10, 237), ('c', 4, 1), ('b', 7, 0)]:
            if how == 'run':
                out = run(docker, probe, 'probe', 'device', kind, str(major), str(minor)).out
            else:
                name = docker.out('run', '-d', probe, 'sleep', '1000')
                out = docker.out('exec', name, 'probe', 'device', kind, str(major), str(minor))
                docker('rm', '-f', name)
            assert out.split() == ['mknod', '0', 'open', str(errno.EPERM)], (how, kind, major, out)


def test_kernel_settings_of_the_host_are_out_of_reach(docker, probe, engine):
    pattern = open('/proc/sys/kernel/core_pattern').read()
    script = '''for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/vm/swappiness /sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/uevent_helper; do
  [ -e $f ] && (echo x > $f) 2>/dev/null && echo wrote $f; done
for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release -o -name cgroup.procs -o -name devices.allow 2>/dev/null | head -50); do (echo x > $f) 2>/dev/null && echo wrote $f; done
mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; mkdir /sys/fs/cgroup/memory/x 2>/dev/null && echo made; echo end'''
    for flags in ([], ['--cap-add', 'DAC_OVERRIDE'], ['--cap-add', 'SYS_ADMIN']):
        assert run(docker, *flags, probe, 'sh', '-c', script).out.split() == ['end'], flags
    assert open('/proc/sys/kernel/core_pattern').read() == pattern
    for setting in ['kernel.panic=1', 'vm.swappiness=1', 'kernel.core_pattern=x', 'kernel.hostname=x', 'fs.file-max=1']:
        result = run(docker, '--sysctl', setting, probe, 'true')
        assert result.code != 0 and setting.split('=')[0] in result.err, result
    result = run(docker, '--sysctl', 'net.ipv4.ip_forward=1', '--network', 'host', probe, 'true')
    assert result.code != 0 and 'net.ipv4.ip_forward' in result.err


def test_no_abstract_socket_of_the_engine(docker, probe):
    assert 'sampan' not in run(docker, '--network', 'host', probe, 'sh', '-c', 'grep @ /proc/net/unix; true').out


# ---- greed

def test_fork_bomb_is_held_by_its_limit(docker, engine, probe, eventually):
    name = docker.out('run', '-d', '--pids-limit', '40', probe, 'probe', 'forks')
    try:
        eventually(lambda: 'made' in docker.out('logs', name), 30)
        assert int(docker.out('logs', name).split()[1]) < 40
        assert engine.get('/_ping').status == 200
        assert docker('exec', name, 'sh', '-c', 'sleep 0; echo forked', check=False).out == '', 'an exec is under the same limit'
        assert run(docker, probe, 'true').code == 0, 'others are not touched'
    finally:
        docker('rm', '-f', name)


def test_line_without_end_costs_its_limit_only(docker, engine, probe, eventually):
    name = docker.out('run', '-d', '--log-opt', 'max-size=4m', '--log-opt', 'max-file=2', probe, 'sh', '-c', 'head -c 300000000 /dev/zero | tr "\\0" x; echo; echo end')
    try:
        path = docker.out('inspect', '--format', '{{.LogPath}}', name)
        shims = [int(pid) for pid in os.listdir('/proc') if pid.isdigit() and name[:12] in cmdline(pid)]
        for _ in range(600):
            if docker.out('inspect', '--format', '{{.State.Running}}', name) == 'false':
                break
            assert all(memory(pid) < 30 for pid in shims if os.path.exists(f'/proc/{pid}/status'))
            assert memory(engine.process.pid) < 150
            time.sleep(0.2)
        folder = os.path.dirname(path)
        size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder) if 'json.log' in file)
        assert size < 9 << 20, f'{size} bytes of log'
        assert docker('logs', '--tail', '1', name, binary=True).out.endswith(b'end\n')
        assert memory(engine.process.pid) < 150
    finally:
        docker('rm', '-f', name)


def cmdline(pid):
    try:
        return open(f'/proc/{pid}/cmdline', 'rb').read().decode(errors='replace')
    except OSError:
        return ''


def test_giant_files_of_accounts_in_an_image(docker, engine):
    def extra(tar):
        images.add_file(tar, 'etc/group', b'x:x:1:' + b'a,' * (24 << 20) + b'\n')
        images.add_file(tar, 'etc/passwd', b'root:x:0:0::/:/bin/sh\n' * 1000000 + b'evil:x:0:0::/:/bin/sh\n')
    name = variant(engine, 'giant:1', extra)
    run(docker, '-u', 'evil', name, 'true')
    run(docker, '-u', 'root:x', name, 'true')
    assert engine.get('/_ping').status == 200 and memory(engine.process.pid) < 300
    engine.delete('/images/giant:1?force=1')


# ---- words

@pytest.mark.parametrize('field', [{'Env': ['A=b\0c']}, {'Cmd': ['echo', 'a\0b']}, {'WorkingDir': '/a\0b'}, {'User': 'root\0x'}, {'Hostname': 'a\0b'},
                                   {'HostConfig': {'Binds': ['/tmp:/m\0/../etc']}}, {'HostConfig': {'Binds': ['/tmp\0:/m']}},
                                   {'HostConfig': {'Mounts': [{'Type': 'tmpfs', 'Target': '/t\0x'}]}}, {'HostConfig': {'Tmpfs': {'/t\0x': ''}}},
                                   {'HostConfig': {'Sysctls': {'net.x\0y': '1'}}}])
def test_zero_bytes_are_refused(engine, probe, field):
    answer = engine.post('/containers/create', {'Image': probe, 'Cmd': ['true'], **field})
    if answer.status == 201:
        started = engine.post(f"/containers/{answer.json['Id']}/start")
        engine.delete(f"/containers/{answer.json['Id']}?force=1")
        assert started.status >= 400, field
    else:
        assert answer.status == 400, answer.text


def test_newlines_stay_in_their_values(engine, docker, probe):
    made = engine.post('/containers/create', {'Image': probe, 'Cmd': ['sh', '-c', 'printf "%s" "$A" | tr "\\n" "|"; echo "[$EVIL]"'], 'Env': ['A=one\nEVIL=two']}).json
    engine.post(f"/containers/{made['Id']}/start")
    engine.post(f"/containers/{made['Id']}/wait")
    text = engine.get(f"/containers/{made['Id']}/logs?stdout=1").text
    assert 'one|EVIL=two[]' in text
    environment = json.loads(engine.get(f"/containers/{made['Id']}/json").text)['Config']['Env']
    assert 'A=one\nEVIL=two' in environment
    engine.delete(f"/containers/{made['Id']}")
    # Files that the engine writes for a container have one entry a line, whatever was asked.
    for field in [{'Hostname': 'a\n192.0.2.66 evil'}, {'Domainname': 'a\n192.0.2.66 evil'}, {'HostConfig': {'ExtraHosts': ['a\n192.0.2.66 evil:192.0.2.1']}},
                  {'HostConfig': {'Dns': ['192.0.2.1\nnameserver 192.0.2.66']}}, {'HostConfig': {'DnsSearch': ['a\nnameserver 192.0.2.66']}},
                  {'HostConfig': {'DnsOptions': ['a\nnameserver 192.0.2.66']}}]:
        answer = engine.post('/containers/create', {'Image': probe, 'Cmd': ['cat', '/etc/hosts', '/etc/resolv.conf'], **field})
        if answer.status != 201:
            continue
        path = f"/containers/{answer.json['Id']}"
        started = engine.post(path + '/start')
        engine.post(path + '/wait') if started.status == 204 else None
        text = engine.get(path + '/logs?stdout=1').text
        engine.delete(path + '?force=1')
        lines = [re.sub(r'^[\x00-\x08].{7}', '', line) for line in text.splitlines()]
        assert not any(line.startswith(('192.0.2.66', 'nameserver 192.0.2.66')) for line in lines), (field, text)


ESCAPE = '\x1b]0;evil\x07\x1b[2J'


def test_escapes_do_not_reach_the_terminal_or_the_log(engine, docker, sampan, probe):
    for name in ['a' + ESCAPE, 'a b', '../a', 'a/b', '.a', 'a\nb', 'ä', 'a' * 1 + ' ']:
        from urllib.parse import quote
        answer = engine.post('/containers/create?name=' + quote(name), {'Image': probe, 'Cmd': ['true']})
        assert answer.status == 400 and '\x1b' not in answer.text, (name, answer.text)
        answer = engine.post('/volumes/create', {'Name': name})
        assert answer.status == 400 and '\x1b' not in answer.text, (name, answer.text)
        answer = engine.post('/networks/create', {'Name': name})     # Docker takes any name here, and so must we but for these
        if answer.status == 201:
            engine.delete('/networks/' + answer.json['Id'])
        assert (answer.status == 400) == (not name.isprintable()), (name, answer.text)
    made = engine.post('/containers/create?name=escapes', {'Image': probe, 'Cmd': ['sh', '-c', 'echo ' + ESCAPE]})
    try:
        for client in (docker, sampan):
            assert '\x1b' not in client.out('ps', '-a'), client.name
            assert '\x1b' not in client.out('inspect', 'escapes'), client.name
        engine.post('/containers/create?name=escapes2', {'Image': probe, 'Cmd': [ESCAPE]})
        for client in (docker, sampan):
            result = client('start', 'escapes2', check=False)
            assert result.code != 0 and '\x1b' not in result.err, result
    finally:
        for name in ('escapes', 'escapes2'):
            engine.delete(f'/containers/{name}?force=1')
    assert '\x1b' not in open(engine.log_path).read(), 'the log of the daemon is read in terminals'


def test_input_is_not_pushed_into_the_terminal_of_the_user(docker, sampan, probe):
    for client in (docker, sampan):
        master, slave = pty.openpty()
        process = client.popen('run', '--rm', '-it', probe, 'probe', 'tiocsti', stdin=slave, stdout=slave, stderr=slave)
        output = b''
        deadline = time.time() + 30
        os.set_blocking(master, False)
        while process.poll() is None and time.time() < deadline:
            try:
                output += os.read(master, 4096)
            except BlockingIOError:
                time.sleep(0.02)
        waiting = struct.unpack('i', fcntl.ioctl(slave, termios.FIONREAD, b'\0' * 4))[0]
        process.wait(10)
        os.close(slave)
        os.close(master)
        assert waiting == 0, (client.name, output)
