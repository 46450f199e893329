"""Every limit read back from the kernel, and fields of create that must not be taken without effect."""
import json
import os

import pytest

V2 = not os.path.exists('/sys/fs/cgroup/memory') and not os.path.exists('/sys/fs/cgroup/pids')


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


class Limited:
    """A container that sleeps under the flags; files of its control groups as the host sees them."""

    def __init__(self, docker, *flags):
        self.docker = docker
        self.id = docker.out('run', '-d', *flags, 'busybox', 'sleep', '1000')
        self.pid = int(docker.out('inspect', '--format', '{{.State.Pid}}', self.id))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.docker('rm', '-f', self.id)

    def read(self, controller, v1, v2=None):
        for line in open(f'/proc/{self.pid}/cgroup'):
            _, controllers, path = line.strip().split(':', 2)
            if V2 and controllers == '':
                return open(f'/sys/fs/cgroup{path}/{v2}').read().strip()
            if not V2 and controller in controllers.split(','):
                return open(f'/sys/fs/cgroup/{controller}{path}/{v1}').read().strip()
        raise AssertionError('no control group of ' + controller)

    def proc(self, name):
        return open(f'/proc/{self.pid}/{name}').read()


MB = 1 << 20


@pytest.mark.parametrize('flags, controller, v1, v2, value1, value2', [
    (['-m', '64m'], 'memory', 'memory.limit_in_bytes', 'memory.max', str(64 * MB), str(64 * MB)),
    (['-m', '64m', '--memory-swap', '96m'], 'memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max', str(96 * MB), str(32 * MB)),
    (['-m', '64m'], 'memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max', str(128 * MB), str(64 * MB)),
    (['-m', '64m', '--memory-reservation', '32m'], 'memory', 'memory.soft_limit_in_bytes', 'memory.low', str(32 * MB), str(32 * MB)),
    (['--cpus', '0.25'], 'cpu', 'cpu.cfs_quota_us', 'cpu.max', '25000', '25000 100000'),
    (['--cpu-period', '50000', '--cpu-quota', '20000'], 'cpu', 'cpu.cfs_quota_us', 'cpu.max', '20000', '20000 50000'),
    (['--cpu-period', '50000', '--cpu-quota', '20000'], 'cpu', 'cpu.cfs_period_us', 'cpu.max', '50000', '20000 50000'),
    (['--cpu-shares', '512'], 'cpu', 'cpu.shares', 'cpu.weight', '512', None),
    (['--cpuset-cpus', '0'], 'cpuset', 'cpuset.cpus', 'cpuset.cpus', '0', '0'),
    (['--cpuset-mems', '0'], 'cpuset', 'cpuset.mems', 'cpuset.mems', '0', '0'),
    (['--pids-limit', '77'], 'pids', 'pids.max', 'pids.max', '77', '77'),
    (['--pids-limit', '-1'], 'pids', 'pids.max', 'pids.max', 'max', 'max'),
])
def test_limits_are_those_of_the_kernel(docker, flags, controller, v1, v2, value1, value2):
    with Limited(docker, *flags) as one:
        name = v2 if V2 else v1
        try:
            got = one.read(controller, v1, v2)
        except FileNotFoundError:
            pytest.skip(f'this kernel has no {name}')
        wanted = value2 if V2 else value1
        assert wanted is None or got == wanted


@pytest.mark.skipif(V2, reason='v1 only')
@pytest.mark.parametrize('flags, controller, name, value', [
    (['-m', '64m', '--memory-swappiness', '10'], 'memory', 'memory.swappiness', '10'),
    (['--blkio-weight', '300'], 'blkio', 'blkio.weight', '300'),
    (['-m', '64m', '--oom-kill-disable'], 'memory', 'memory.oom_control', 'oom_kill_disable 1'),
])
def test_limits_that_only_v1_has(docker, flags, controller, name, value):
    files = {file for _, _, names in os.walk(f'/sys/fs/cgroup/{controller}') for file in names}
    if name not in files:
        name = name.replace('blkio.', 'blkio.bfq.')     # the scheduler that replaced the one of that name
    known = name in files
    answer = docker('run', '-d', *flags, 'busybox', 'sleep', '1000', check=False)
    if not known:
        # What the kernel lacks is said, by a warning or a refusal, never swallowed.
        if answer.code == 0:
            docker('rm', '-f', answer.out.strip())
        assert answer.code != 0 or 'WARNING' in answer.err, answer
        return
    assert answer.code == 0, answer
    docker('rm', '-f', answer.out.strip())
    with Limited(docker, *flags) as one:
        assert value in one.read(controller, name)


def test_limits_of_the_process(docker):
    with Limited(docker, '--oom-score-adj', '321', '--ulimit', 'nofile=200:300', '--ulimit', 'core=0', '--ulimit', 'nproc=50:60',
                 '--ulimit', 'stack=1048576', '--ulimit', 'memlock=65536:65536', '--shm-size', '3m') as one:
        assert one.proc('oom_score_adj').strip() == '321'
        limits = {line[:26].strip(): line[26:].split()[:2] for line in one.proc('limits').splitlines()}
        assert limits['Max open files'] == ['200', '300'] and limits['Max core file size'] == ['0', '0']
        assert limits['Max processes'] == ['50', '60'] and limits['Max stack size'] == ['1048576'] * 2 and limits['Max locked memory'] == ['65536'] * 2
        assert docker.out('exec', one.id, 'sh', '-c', 'df -k /dev/shm | tail -n 1 | awk "{print \\$2}"') == '3072'
        # An exec has the limits of its container.
        assert docker.out('exec', one.id, 'sh', '-c', 'ulimit -n; cat /proc/self/oom_score_adj').split() == ['200', '321']


def test_device_rules_hold(docker):
    # A device of this host that is outside the usual list and opens without further capabilities.
    found = [path for path in ('/dev/fuse', '/dev/loop-control', '/dev/rtc0', '/dev/hpet') if os.path.exists(path)]
    if not found:
        pytest.skip('no such device')
    device = os.stat(found[0]).st_rdev
    name = f'c {os.major(device)} {os.minor(device)}'
    with Limited(docker, '--device-cgroup-rule', f'c {os.major(device)}:{os.minor(device)} r') as one:
        assert docker('exec', one.id, 'sh', '-c', f'mknod /tmp/d {name} && exec 3</tmp/d').code == 0
        assert docker('exec', one.id, 'sh', '-c', 'exec 3>/tmp/d', check=False).code != 0
        assert docker('exec', one.id, 'sh', '-c', 'mknod /tmp/m c 1 1; exec 3</tmp/m', check=False).code != 0


def test_swappiness_and_bounds_are_checked_in_dockers_words(docker):
    for flags, words in [(['-m', '4m'], 'Minimum memory limit allowed is 6MB'), (['--cpus', '9999'], 'range of CPUs is from 0.01 to'),
                         (['-m', '64m', '--memory-swap', '32m'], 'Minimum memoryswap limit should be larger than memory limit'),
                         (['-m', '64m', '--memory-reservation', '128m'], 'Minimum memory limit can not be less than memory reservation limit'),
                         (['--cpu-period', '10'], 'CPU cfs period can not be less than 1ms'), (['--cpu-quota', '10'], 'CPU cfs quota can not be less than 1ms'),
                         (['--cpuset-cpus', '500'], 'Requested CPUs are not available'), (['--cpuset-mems', '99'], 'Requested memory nodes are not available'),
                         (['--cpuset-cpus', 'x'], 'Invalid value x for cpuset cpus'), (['--blkio-weight', '5'], 'Range of blkio weight is from 10 to 1000'),
                         (['--oom-score-adj', '2000'], 'range for oom score adj is [-1000, 1000]'),
                         (['--memory-swappiness', '101'], 'alid memory swappiness range is 0-100')]:
        answer = docker('create', *flags, 'busybox', check=False)
        if answer.code == 0:
            docker('rm', '-f', answer.out.strip())
        assert answer.code != 0 and words in answer.err, (flags, answer)


REFUSED = {
    'Healthcheck': {'Healthcheck': {'Test': ['CMD', 'true']}}, 'Links': {'HostConfig': {'Links': ['a:b']}}, 'Cgroup': {'HostConfig': {'Cgroup': 'x'}},
    'StorageOpt': {'HostConfig': {'StorageOpt': {'size': '1G'}}}, 'UsernsMode': {'HostConfig': {'UsernsMode': 'private'}},
    'Isolation': {'HostConfig': {'Isolation': 'hyperv'}}, 'CgroupParent': {'HostConfig': {'CgroupParent': '/x'}},
    'Annotations': {'HostConfig': {'Annotations': {'a': 'b'}}}, 'DeviceRequests': {'HostConfig': {'DeviceRequests': [{'Count': -1}]}},
    'BlkioWeightDevice': {'HostConfig': {'BlkioWeightDevice': [{'Path': '/dev/null', 'Weight': 100}]}},
    'BlkioDeviceReadBps': {'HostConfig': {'BlkioDeviceReadBps': [{'Path': '/dev/null', 'Rate': 1}]}},
    'BlkioDeviceWriteBps': {'HostConfig': {'BlkioDeviceWriteBps': [{'Path': '/dev/null', 'Rate': 1}]}},
    'BlkioDeviceReadIOps': {'HostConfig': {'BlkioDeviceReadIOps': [{'Path': '/dev/null', 'Rate': 1}]}},
    'BlkioDeviceWriteIOps': {'HostConfig': {'BlkioDeviceWriteIOps': [{'Path': '/dev/null', 'Rate': 1}]}},
    'CpuRealtimePeriod': {'HostConfig': {'CpuRealtimePeriod': 1000}}, 'CpuRealtimeRuntime': {'HostConfig': {'CpuRealtimeRuntime': 1000}},
    'CpuCount': {'HostConfig': {'CpuCount': 1}}, 'CpuPercent': {'HostConfig': {'CpuPercent': 1}},
    'IOMaximumIOps': {'HostConfig': {'IOMaximumIOps': 1}}, 'IOMaximumBandwidth': {'HostConfig': {'IOMaximumBandwidth': 1}},
    'KernelMemoryTCP': {'HostConfig': {'KernelMemoryTCP': 16 << 20}},
    'LogConfig.Type': {'HostConfig': {'LogConfig': {'Type': 'syslog'}}}, 'LogConfig.Config': {'HostConfig': {'LogConfig': {'Type': 'json-file', 'Config': {'tag': 'x'}}}},
    'volume plugin other': {'HostConfig': {'VolumeDriver': 'other', 'Binds': ['v:/v']}},
    'SecurityOpt systempaths': {'HostConfig': {'SecurityOpt': ['systempaths=unconfined']}},
    'SELinux': {'HostConfig': {'SecurityOpt': ['label=type:x']}}, 'writable-cgroups': {'HostConfig': {'SecurityOpt': ['writable-cgroups=true']}},
    'EndpointsConfig.Links': {'NetworkingConfig': {'EndpointsConfig': {'bridge': {'Links': ['a:b']}}}},
    'LinkLocalIPs': {'NetworkingConfig': {'EndpointsConfig': {'bridge': {'IPAMConfig': {'LinkLocalIPs': ['169.254.1.1']}}}}},
    'image': {'HostConfig': {'Mounts': [{'Type': 'image', 'Source': 'busybox', 'Target': '/i'}]}},
    'cluster': {'HostConfig': {'Mounts': [{'Type': 'cluster', 'Source': 'x', 'Target': '/i'}]}},
    'npipe': {'HostConfig': {'Mounts': [{'Type': 'npipe', 'Source': 'x', 'Target': '/i'}]}},
}


@pytest.mark.parametrize('name', sorted(REFUSED))
def test_fields_without_effect_are_refused_by_name(engine, name):
    before = len(engine.get('/containers/json?all=1').json)
    answer = engine.post('/v1.51/containers/create', {'Image': 'busybox', 'Cmd': ['true'], **REFUSED[name]})
    if answer.status == 201:
        engine.delete('/containers/' + answer.json['Id'] + '?force=1&v=1')
    assert answer.status in (400, 404, 501) and answer.status != 201, answer.text
    assert name.split(' ')[-1] in answer.text or answer.status == 400, answer.text
    assert len(engine.get('/containers/json?all=1').json) == before


def test_kernel_memory_of_old_clients_is_refused(engine):
    answer = engine.post('/v1.41/containers/create', {'Image': 'busybox', 'Cmd': ['true'], 'HostConfig': {'KernelMemory': 16 << 20}})
    assert answer.status == 501 and 'KernelMemory' in answer.text
    # Newer ones have no such field, and what no version knows is ignored.
    answer = engine.post('/v1.51/containers/create', {'Image': 'busybox', 'Cmd': ['true'], 'HostConfig': {'KernelMemory': 16 << 20}})
    assert answer.status == 201
    engine.delete('/containers/' + answer.json['Id'])


def test_read_only_reaches_what_is_mounted_below_since_1_44(engine, tmp_path):
    import subprocess
    outer, inner = tmp_path / 'outer', tmp_path / 'outer/inner'
    inner.mkdir(parents=True)
    subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', inner], check=True)
    try:
        def writes(version, bind):
            made = engine.post(f'/v{version}/containers/create', {'Image': 'busybox', 'Cmd': ['touch', '/m/inner/x'], 'HostConfig': bind})
            assert made.status == 201, made.text
            path = '/containers/' + made.json['Id']
            engine.post(path + '/start')
            code = engine.post(path + '/wait').json['StatusCode']
            engine.delete(path)
            return code == 0
        bind = {'Binds': [f'{outer}:/m:ro']}
        mount = {'Mounts': [{'Type': 'bind', 'Source': str(outer), 'Target': '/m', 'ReadOnly': True}]}
        assert writes('1.43', bind) and writes('1.43', mount)
        assert not writes('1.44', bind) and not writes('1.44', mount)
        mount['Mounts'][0]['BindOptions'] = {'ReadOnlyNonRecursive': True}
        assert writes('1.44', mount)
    finally:
        subprocess.run(['umount', inner], check=True)


def test_healthcheck_of_an_image_is_named(engine):
    from lib import images
    images.load_image(engine, 'healthy:1', {'Cmd': ['true'], 'Healthcheck': {'Test': ['CMD', 'true']}})
    answer = engine.post('/containers/create', {'Image': 'healthy:1'})
    try:
        assert answer.status == 201 and any('HEALTHCHECK' in warning for warning in answer.json['Warnings']), answer.text
        # Switched off by the user there is nothing to warn of.
        other = engine.post('/containers/create', {'Image': 'healthy:1', 'Healthcheck': {'Test': ['NONE']}})
        assert other.status == 201 and not other.json['Warnings'], other.text
        engine.delete('/containers/' + other.json['Id'])
    finally:
        engine.delete('/containers/' + json.loads(answer.text)['Id'])
        engine.delete('/images/healthy:1')
