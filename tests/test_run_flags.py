"""Options of run and fields of container create that shape the process and its surroundings."""
import json
import os
import re
import time

import pytest


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


V1 = os.path.exists('/sys/fs/cgroup/memory')


def limits(docker, *files):
    """A script's lines that print what the kernel says of the container's own cgroup; (v1, v2) each."""
    return '; '.join('cat /sys/fs/cgroup/' + (v1 if V1 else v2) for v1, v2 in files)


# ---- process

@pytest.mark.parametrize('user,uid,gid', [('web', '1000', '1000'), ('1000', '1000', '1000'), ('web:audio', '1000', '29'),
                                          ('1234:5678', '1234', '5678'), ('0:web', '0', '1000'), ('4321', '4321', '0')])
def test_user_by_name_number_and_group(docker, user, uid, gid):
    assert docker.sh('echo $(id -u) $(id -g)', '-u', user).out.split() == [uid, gid]


def test_nobody_named_is_root_with_its_groups(docker):
    assert docker.out('run', '--rm', 'busybox', 'id') == 'uid=0(root) gid=0(root) groups=0(root)'


def test_unknown_user_and_group_are_refused(docker):
    for user, word in [('nosuch', 'unable to find user nosuch'), ('web:nosuch', 'unable to find group nosuch')]:
        result = docker.sh('true', '-u', user, check=False)
        assert result.code != 0 and word in result.err, result


def test_group_add_by_name_and_number(docker):
    assert set(docker.sh('id -G', '--group-add', 'audio', '--group-add', '777').out.split()) >= {'0', '29', '777'}
    named = docker.sh('true', '--group-add', 'nosuch', check=False)
    assert named.code != 0 and 'nosuch' in named.err


def test_environment_from_flags_files_and_the_client(docker, tmp_path):
    (tmp_path / 'one').write_text('A=1\n\n# no\nB=two words\nPASSED_ON\n')
    os.environ['PASSED_ON'] = 'from the client'
    try:
        result = docker.sh('echo "$A|$B|$C|$PASSED_ON|$HOME"', '--env-file', tmp_path / 'one', '-e', 'C=3', '-e', 'A=over')
    finally:
        del os.environ['PASSED_ON']
    assert result.out.strip() == 'over|two words|3|from the client|/root'


def test_entrypoint_takes_the_place_of_the_images(docker, engine):
    assert docker.out('run', '--rm', '--entrypoint', '/bin/echo', 'busybox', 'a', 'b') == 'a b'
    created = engine.post('/containers/create', {'Image': 'busybox', 'Entrypoint': ['echo', 'x'], 'Cmd': ['y']}).json['Id']
    shown = engine.get(f'/containers/{created}/json').json
    assert (shown['Path'], shown['Args']) == ('echo', ['x', 'y'])
    assert engine.post('/containers/create', {'Image': 'busybox', 'Entrypoint': [''], 'Cmd': []}).status in (201, 400)


def test_hostname_domainname_and_etc_files(docker):
    result = docker.sh('hostname; hostname -f; cat /etc/hostname; cat /proc/sys/kernel/domainname; grep boat /etc/hosts', '--hostname', 'boat',
                       '--domainname', 'sea.test')
    lines = result.out.splitlines()
    assert lines[0] == 'boat' and lines[1] == 'boat.sea.test' and lines[2] == 'boat' and lines[3] == 'sea.test', lines
    assert re.fullmatch(r'[\d.]+\tboat.sea.test boat', lines[4]), lines


def test_short_name_in_hosts_is_the_first_label(docker):
    def line(*flags):
        return docker.sh('tail -n 1 /etc/hosts', *flags).out.strip().split('\t')[1]
    assert line('--hostname', 'a.b.c') == 'a.b.c a'
    assert line('--hostname', 'a.b.c', '--domainname', 'd.e') == 'a.b.c.d.e a'
    assert line('--hostname', 'a') == 'a'


def test_files_of_etc_are_read_only_with_the_root(docker):
    for name in ('hosts', 'resolv.conf', 'hostname'):
        assert docker.sh(f'echo x >> /etc/{name}').code == 0
        refused = docker.sh(f'echo x >> /etc/{name}', '--read-only', check=False)
        assert refused.code != 0 and 'Read-only file system' in refused.err, refused


def test_files_of_etc_are_there_whatever_is_mounted_on_etc(docker, tmp_path):
    script = 'cat /etc/hostname; grep -c nameserver /etc/resolv.conf; grep -c localhost /etc/hosts'
    for mount in (['-v', 'etcvol:/etc'], ['-v', f'{tmp_path}:/etc'], ['--tmpfs', '/etc'], ['--read-only', '-v', 'etcvol:/etc']):
        lines = docker.sh(script, '--hostname', 'boat', *mount).out.split()
        assert lines[0] == 'boat' and int(lines[1]) >= 1 and int(lines[2]) >= 1, (mount, lines)
    (tmp_path / 'own').write_text('mine')
    assert docker.sh('cat /etc/hosts', '-v', 'etcvol:/etc', '-v', f'{tmp_path}/own:/etc/hosts').out == 'mine'


def test_what_a_request_leaves_out_is_shown_as_docker_shows_it(engine, docker):
    created = engine.post('/containers/create', {'Image': 'busybox', 'Cmd': ['sleep', '1000'], 'HostConfig': {'MemorySwappiness': -1, 'Binds': [
        'shown:/v', 'shown2:/r:ro']}}).json['Id']
    shown = engine.get(f'/containers/{created}/json').json
    assert (shown['Config']['Labels'], shown['Config']['Volumes'], shown['LogPath']) == ({}, None, '')
    host = shown['HostConfig']
    assert host['LogConfig'] == {'Type': 'json-file', 'Config': {}} and host['MemorySwappiness'] is None
    assert host['OomKillDisable'] is (False if V1 else None)
    assert {mount['Destination']: mount['Mode'] for mount in shown['Mounts']} == {'/v': 'z', '/r': 'ro'}
    docker('start', created)
    assert docker.inspect(created)['LogPath'].endswith('-json.log')
    io = engine.get(f'/containers/{created}/stats?stream=0&one-shot=1').json['blkio_stats']
    assert isinstance(io['io_service_bytes_recursive'], list)
    assert all(isinstance(value, list) for value in io.values()) or not V1


def test_working_directory_is_made_and_must_be_absolute(docker):
    assert docker.sh('pwd', '-w', '/a/b/c').out.strip() == '/a/b/c'
    assert 'needs to be an absolute path' in docker.sh('true', '-w', 'relative', check=False).err


def test_init_reaps_and_forwards(docker, eventually):
    docker('run', '-d', '--init', '--name', 'reap', 'busybox', 'sh', '-c', '(sleep 0.1 & exec true) ; exec sleep 100')
    assert docker.out('exec', 'reap', 'cat', '/proc/1/comm').endswith('init')
    eventually(lambda: ' Z ' not in docker.out('exec', 'reap', 'ps'), what='no zombie')
    begun = time.monotonic()
    docker('stop', '-t', '30', 'reap')
    assert docker.inspect('reap')['State']['ExitCode'] == 143 and time.monotonic() - begun < 25


def test_stop_signal_and_stop_timeout(docker):
    script = 'trap "echo got; exit 9" USR1; trap "" TERM; echo ready; while :; do sleep 0.05; done'
    docker('run', '-d', '--name', 'polite', '--stop-signal', 'USR1', 'busybox', 'sh', '-c', script)
    while 'ready' not in docker.out('logs', 'polite'):
        time.sleep(0.02)
    docker('stop', 'polite')
    shown = docker.inspect('polite')
    assert shown['State']['ExitCode'] == 9 and shown['Config']['StopSignal'] == 'USR1'
    docker('run', '-d', '--name', 'deaf', '--stop-timeout', '1', 'busybox', 'sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done')
    while 'ready' not in docker.out('logs', 'deaf'):
        time.sleep(0.02)
    begun = time.monotonic()
    docker('stop', 'deaf')
    shown = docker.inspect('deaf')
    assert shown['State']['ExitCode'] == 137 and shown['Config']['StopTimeout'] == 1
    assert time.monotonic() - begun < 9, 'the default of ten seconds was waited for'


def test_cidfile_is_written_and_never_overwritten(docker, tmp_path):
    path = tmp_path / 'cid'
    id = docker.out('create', '--cidfile', path, 'busybox', 'true')
    assert path.read_text() == id
    again = docker('create', '--cidfile', path, 'busybox', 'true', check=False)
    assert again.code != 0 and 'container ID file found' in again.err
    assert docker.inspect(id)['HostConfig']['ContainerIDFile'] == str(path)


def test_labels_from_flags_and_files(docker, tmp_path):
    (tmp_path / 'labels').write_text('from.file=1\nbare\n')
    docker('create', '--name', 'lab', '-l', 'a=b', '--label', 'c', '--label-file', tmp_path / 'labels', 'busybox', 'true')
    shown = docker.inspect('lab')['Config']['Labels']
    shown.pop('bare', None)    # clients before 23 leave it out
    assert shown == {'a': 'b', 'c': '', 'from.file': '1'}


def test_pull_and_platform(docker):
    missing = docker('run', '--rm', '--pull', 'never', 'nosuch:1', check=False)
    assert missing.code == 125 and 'No such image: nosuch:1' in missing.err
    assert docker.out('run', '--rm', '--pull', 'missing', 'busybox', 'echo', 'here') == 'here'
    assert docker('run', '--rm', '--pull', 'always', '127.0.0.1:1/nothing', check=False).code == 125
    assert docker.out('run', '--rm', '--platform', 'linux/amd64', 'busybox', 'echo', 'fits') == 'fits'
    other = docker('create', '--pull', 'never', '--platform', 'linux/s390x', 'busybox', 'true', check=False)
    assert other.code != 0


# ---- limits

def test_memory_limits_are_in_the_kernel(docker):
    files = [('memory/memory.limit_in_bytes', 'memory.max'), ('memory/memory.soft_limit_in_bytes', 'memory.low')]
    out = docker.sh(limits(docker, *files), '-m', '64m', '--memory-reservation', '32m').out.split()
    assert out == [str(64 << 20), str(32 << 20)]
    docker('create', '--name', 'swap', '-m', '64m', '--memory-swap', '128m', '--memory-swappiness', '10', 'busybox', 'true')
    shown = docker.inspect('swap')['HostConfig']
    assert (shown['MemorySwap'], shown['MemorySwappiness'], shown['MemoryReservation']) == (128 << 20, 10, 0)
    if V1 and os.path.exists('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes'):
        swap = 'cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes /sys/fs/cgroup/memory/memory.swappiness'
        assert docker.sh(swap, '-m', '64m', '--memory-swap', '96m', '--memory-swappiness', '10').out.split() == [str(96 << 20), '10']


def test_cpu_limits_are_in_the_kernel(docker):
    if V1:
        script = 'cd /sys/fs/cgroup; cat cpu/cpu.cfs_period_us cpu/cpu.cfs_quota_us cpuset/cpuset.cpus cpuset/cpuset.mems cpu/cpu.shares'
        expected = ['50000', '25000', '0', '0', '300']
    else:
        script = 'cd /sys/fs/cgroup; cat cpu.max cpuset.cpus cpuset.mems'
        expected = ['25000', '50000', '0', '0']
    out = docker.sh(script, '--cpu-period', '50000', '--cpu-quota', '25000', '--cpuset-cpus', '0', '--cpuset-mems', '0', '-c', '300').out
    assert out.split() == expected
    assert docker.sh('nproc', '--cpuset-cpus', '0').out.strip() == '1'


def test_pids_limit_holds(docker):
    assert docker.sh(limits(docker, ('pids/pids.max', 'pids.max')), '--pids-limit', '20').out.strip() == '20'
    assert docker.sh('for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 3 & done; wait', '--pids-limit', '6', check=False).code != 0
    assert docker.sh(limits(docker, ('pids/pids.max', 'pids.max')), '--pids-limit', '-1').out.strip() == 'max'


def test_oom_score_and_oom_kill_disable(docker):
    assert docker.sh('cat /proc/self/oom_score_adj', '--oom-score-adj', '321').out.strip() == '321'
    bad = docker.sh('true', '--oom-score-adj', '1001', check=False)
    assert bad.code == 125 and 'range for oom score adj is [-1000, 1000]' in bad.err
    if V1:
        out = docker.sh('grep oom_kill_disable /sys/fs/cgroup/memory/memory.oom_control', '-m', '32m', '--oom-kill-disable').out
        assert out.split() == ['oom_kill_disable', '1']


def test_limits_that_exclude_each_other_are_refused(engine):
    cases = [({'Memory': 64 << 20, 'MemorySwap': 32 << 20}, 'Minimum memoryswap limit should be larger than memory limit'),
             ({'MemorySwap': 64 << 20}, 'You should always set the Memory limit when using Memoryswap limit'),
             ({'Memory': 8 << 20, 'MemoryReservation': 16 << 20}, 'Minimum memory limit can not be less than memory reservation limit'),
             ({'NanoCpus': 10 ** 9, 'CpuPeriod': 10000}, 'Nano CPUs and CPU Period cannot both be set'),
             ({'NanoCpus': 10 ** 13}, 'range of CPUs is from 0.01 to'),
             ({'CpuPeriod': 10}, 'CPU cfs period can not be less than 1ms'),
             ({'MemorySwappiness': 101}, 'valid memory swappiness range is 0-100'),
             ({'ShmSize': -1}, 'SHM size')]
    for host, text in cases:
        answer = engine.post('/containers/create', {'Image': 'busybox', 'HostConfig': host})
        assert answer.status == 400 and text in answer.json['message'], (host, answer.text)
    assert engine.get('/containers/json?all=1').json == []


def test_ulimits_soft_and_hard(docker):
    out = docker.sh('ulimit -n; ulimit -Hn; ulimit -c', '--ulimit', 'nofile=100:200', '--ulimit', 'core=0').out.split()
    assert out == ['100', '200', '0']
    bad = docker.sh('true', '--ulimit', 'nofile=200:100', check=False)
    assert bad.code == 125 and 'ulimit soft limit must be less than or equal to hard limit' in bad.err


# ---- isolation

def test_pid_namespace_of_another_container(docker):
    docker('run', '-d', '--name', 'first', 'busybox', 'sleep', '1234')
    assert 'sleep 1234' in docker.sh('ps', '--pid', 'container:first').out
    assert 'sleep 1234' not in docker.sh('ps').out
    docker('create', '--name', 'second', '--pid', 'container:first', 'busybox', 'ps')
    docker('rm', '-f', 'first')
    failed = docker('start', 'second', check=False)
    assert failed.code != 0 and 'No such container' in failed.err
    assert docker.sh('true', '--pid', 'container:nosuch', check=False).code == 125


def test_ipc_modes(docker):
    docker('run', '-d', '--name', 'giver', '--ipc', 'shareable', 'busybox', 'sh', '-c', 'echo shared > /dev/shm/f; sleep 100')
    docker('run', '-d', '--name', 'keeper', '--ipc', 'private', 'busybox', 'sleep', '100')
    own = docker.out('exec', 'giver', 'readlink', '/proc/self/ns/ipc')
    result = docker.sh('readlink /proc/self/ns/ipc; cat /dev/shm/f', '--ipc', 'container:giver')
    assert result.out.split() == [own, 'shared']
    refused = docker.sh('true', '--ipc', 'container:keeper', check=False)
    assert refused.code == 125 and 'non-shareable IPC' in refused.err, refused
    assert docker.sh('grep /dev/shm /proc/mounts', '--ipc', 'none', check=False).code == 1
    assert docker.inspect('keeper')['HostConfig']['IpcMode'] == 'private'


def test_uts_and_cgroup_namespaces(docker):
    assert docker.sh('readlink /proc/self/ns/uts; hostname', '--uts', 'host').out.split() == [os.readlink('/proc/self/ns/uts'), os.uname()[1]]
    assert docker.sh('readlink /proc/self/ns/uts').out.strip() != os.readlink('/proc/self/ns/uts')
    assert docker.sh('readlink /proc/self/ns/cgroup', '--cgroupns', 'host').out.strip() == os.readlink('/proc/self/ns/cgroup')
    assert docker.sh('readlink /proc/self/ns/cgroup', '--cgroupns', 'private').out.strip() != os.readlink('/proc/self/ns/cgroup')
    assert docker.sh('true', '--cgroupns', 'nosuch', check=False).code == 125


def test_sysctls_and_their_namespaces(docker):
    result = docker.sh('cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax', '--sysctl', 'net.core.somaxconn=99', '--sysctl',
                       'kernel.msgmax=12345')
    assert result.out.split() == ['99', '12345']
    assert docker.sh('true', '--sysctl', 'vm.swappiness=1', check=False).code != 0
    assert docker.sh('true', '--sysctl', 'net.core.somaxconn=1', '--network', 'host', check=False).code != 0


def test_any_port_may_be_bound_in_a_network_of_ones_own(docker):
    names = ['ip_unprivileged_port_start', 'ping_group_range']
    show = 'cd /proc/sys/net/ipv4; cat ' + ' '.join(names)
    assert docker.sh(show).out.split() == ['0', '0', '2147483647']
    assert docker.sh(show, '--network', 'none').out.split() == ['0', '0', '2147483647']
    assert docker.sh(show, '--sysctl', 'net.ipv4.ip_unprivileged_port_start=99').out.split() == ['99', '0', '2147483647']
    hosts = ' '.join(open('/proc/sys/net/ipv4/' + name).read() for name in names).split()
    assert docker.sh(show, '--network', 'host').out.split() == hosts
    docker('run', '-d', '--name', 'low', '-u', '1000', 'busybox', 'nc', '-l', '-p', '80')
    assert '00000000:0050' in docker.out('exec', 'low', 'sh', '-c', 'until grep :0050 /proc/net/tcp*; do sleep 0.05; done')


def test_tunnels_can_be_made_with_the_right_capabilities(docker):
    make = 'mkdir -p /dev/net && mknod /dev/net/tun c 10 200 && (exec 3<>/dev/net/tun)'
    assert docker.sh(make, '--cap-add', 'NET_ADMIN', '--cap-add', 'MKNOD').code == 0
    assert docker.sh(make.replace('c 10 200', 'c 10 229'), '--cap-add', 'NET_ADMIN', check=False).code != 0


def test_capabilities_by_name_with_and_without_prefix(docker):
    def bits(*flags):
        return int(docker.sh('grep CapBnd /proc/self/status', *flags).out.split()[1], 16)
    assert bits('--cap-add', 'CAP_SYS_PTRACE') & (1 << 19) and bits('--cap-add', 'sys_ptrace') & (1 << 19)
    assert not bits('--cap-drop', 'NET_RAW') & (1 << 13)
    mine = next(line for line in open('/proc/self/status') if line.startswith('CapBnd'))
    assert bits('--cap-add', 'ALL') == int(mine.split()[1], 16)
    assert docker.sh('ping -c 1 -W 1 127.0.0.1', '--cap-drop', 'ALL', check=False).code != 0


def test_privileged_sees_devices_and_writes_sysctls(docker):
    assert docker.sh('test -c /dev/kmsg && echo 1 > /proc/sys/net/ipv4/ip_forward && echo yes', '--privileged').out.strip() == 'yes'
    assert docker.sh('grep Seccomp: /proc/self/status', '--privileged').out.split() == ['Seccomp:', '0']
    shown = docker.sh('mount | grep "cgroup" | grep -c "(rw" || true', '--privileged').out.strip()
    assert int(shown) >= 1


def test_devices_with_permissions_and_rules(docker):
    # Opening /dev/kmsg for writing writes nothing.
    assert docker.sh(': > /dev/log1', '--device', '/dev/kmsg:/dev/log1:w').code == 0
    refused = docker.sh(': > /dev/log1', '--device', '/dev/kmsg:/dev/log1:r', check=False)
    assert refused.code != 0 and 'Operation not permitted' in refused.err, refused
    assert docker.sh('ls /dev/log1', check=False).code == 1
    make = 'mknod /tmp/kmsg c 1 11 && dd if=/tmp/kmsg of=/dev/null bs=8192 count=1 2>/dev/null'
    assert docker.sh(make, check=False).code != 0
    assert docker.sh(make, '--device-cgroup-rule', 'c 1:11 rwm', '--cap-add', 'SYSLOG').code == 0
    missing = docker.sh('true', '--device', '/dev/nosuch', check=False)
    assert missing.code in (125, 127) and '/dev/nosuch' in missing.err
    assert docker.sh('true', '--device-cgroup-rule', 'x 1:1 q', check=False).code == 125


def test_security_options(docker, tmp_path, engine):
    profile = tmp_path / 'seccomp.json'
    profile.write_text(json.dumps({'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'],
                                   'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 28}]}))
    result = docker.sh('mkdir /tmp/x', '--security-opt', f'seccomp={profile}', check=False)
    assert result.code == 1 and 'No space left' in result.err, result
    assert docker.sh('mkdir /tmp/x', check=False).code == 0
    assert docker.sh('true', '--security-opt', 'no-new-privileges:false').code == 0
    assert docker.sh('grep NoNewPrivs /proc/self/status', '--security-opt', 'no-new-privileges:true').out.split()[1] == '1'
    assert docker.sh('true', '--security-opt', 'apparmor=unconfined').code == 0
    assert docker.sh('true', '--security-opt', 'label=disable').code == 0
    assert docker.sh('mount | grep -c " /proc/"', '--security-opt', 'systempaths=unconfined', check=False).out.strip() == '0'
    bad = docker.sh('true', '--security-opt', 'nosuch=1', check=False)
    assert bad.code == 125 and 'invalid --security-opt' in bad.err
    broken = tmp_path / 'broken.json'
    broken.write_text('{"defaultAction":"NO"}')
    assert docker.sh('true', '--security-opt', f'seccomp={broken}', check=False).code in (125, 126)


def test_masked_and_read_only_paths_of_ones_own(engine, docker):
    body = {'Image': 'busybox', 'Cmd': ['sh', '-c', 'cat /proc/meminfo | wc -c; echo 1 > /proc/sys/vm/overcommit_memory; cat /proc/kcore | head -c 1 | wc -c'],
            'HostConfig': {'MaskedPaths': ['/proc/meminfo'], 'ReadonlyPaths': ['/proc/sys']}}
    id = engine.post('/containers/create', body).json['Id']
    result = docker('start', '-a', id)
    assert result.out.split()[0] == '0' and 'Read-only file system' in result.err, result
    assert engine.get(f'/containers/{id}/json').json['HostConfig']['MaskedPaths'] == ['/proc/meminfo']


def test_shm_size_and_tty_console_size(docker, engine):
    assert docker.sh("df -k /dev/shm | tail -n 1 | awk '{print $2}'", '--shm-size', '16m').out.strip() == '16384'
    body = {'Image': 'busybox', 'Cmd': ['stty', 'size'], 'Tty': True, 'HostConfig': {'ConsoleSize': [31, 97]}}
    id = engine.post('/containers/create', body).json['Id']
    assert '31 97' in docker('start', '-a', id).out


def test_network_disabled_has_loopback_only(engine, docker):
    id = engine.post('/containers/create', {'Image': 'busybox', 'Cmd': ['ls', '/sys/class/net'], 'NetworkDisabled': True}).json['Id']
    assert 'eth0' not in docker('start', '-a', id).out


def test_fields_of_create_that_are_not_built_are_named(engine):
    fields = {
        'Healthcheck': ({'Healthcheck': {'Test': ['CMD', 'true']}}, {}), 'Links': ({}, {'Links': ['a:b']}),
        'StorageOpt': ({}, {'StorageOpt': {'size': '1G'}}), 'CgroupParent': ({}, {'CgroupParent': '/x'}),
        'BlkioDeviceReadBps': ({}, {'BlkioDeviceReadBps': [{'Path': '/dev/zero', 'Rate': 1}]}), 'UsernsMode': ({}, {'UsernsMode': 'private'}),
        'CpuRealtimeRuntime': ({}, {'CpuRealtimeRuntime': 1000}), 'Annotations': ({}, {'Annotations': {'a': 'b'}}),
        'DeviceRequests': ({}, {'DeviceRequests': [{'Count': 1}]}), 'Mounts': ({}, {'Mounts': [{'Type': 'image', 'Source': 'busybox', 'Target': '/i'}]}),
    }
    for word, (config, host) in fields.items():
        answer = engine.post('/containers/create', {'Image': 'busybox', 'HostConfig': host, **config})
        assert answer.status == 501 and word in answer.json['message'], (word, answer.status, answer.text)
    assert engine.get('/containers/json?all=1').json == []
    ignored = engine.post('/containers/create', {'Image': 'busybox', 'NoSuchKey': 1, 'HostConfig': {'Neither': {'This': []}}})
    assert ignored.status == 201, ignored.text
