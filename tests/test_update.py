"""docker update: limits in the kernel and in the record, restart policies, what is refused, the daemon's death."""
import os

import pytest

V1 = os.path.exists('/sys/fs/cgroup/memory')


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


def kernel(docker, name, v1, v2):
    return docker.out('exec', name, 'cat', '/sys/fs/cgroup/' + (v1 if V1 else v2))


@pytest.mark.smoke
def test_limits_change_in_the_kernel_and_the_record(cli):
    cli('run', '-d', '--name', 'one', '-m', '64m', '--memory-swap', '64m', '--cpus', '0.5', '--pids-limit', '50', 'busybox', 'sleep', '1000')
    assert cli.out('update', '-m', '128m', '--memory-swap', '128m', '--cpus', '0.25', '--pids-limit', '70', 'one') == 'one'
    assert kernel(cli, 'one', 'memory/memory.limit_in_bytes', 'memory.max') == str(128 << 20)
    assert kernel(cli, 'one', 'cpu/cpu.cfs_quota_us', 'cpu.max').split()[0] == '25000'
    assert kernel(cli, 'one', 'pids/pids.max', 'pids.max') == '70'
    host = cli.inspect('one')['HostConfig']
    assert (host['Memory'], host['MemorySwap'], host['NanoCpus'], host['PidsLimit']) == (128 << 20, 128 << 20, 250000000, 70)
    cli('update', '-m', '32m', '--memory-swap', '48m', '--cpu-shares', '333', '--cpuset-cpus', '0', 'one')
    assert kernel(cli, 'one', 'memory/memory.limit_in_bytes', 'memory.max') == str(32 << 20)
    assert kernel(cli, 'one', 'cpuset/cpuset.cpus', 'cpuset.cpus') == '0'
    cli('update', '--pids-limit', '-1', 'one')
    assert kernel(cli, 'one', 'pids/pids.max', 'pids.max') == 'max'
    cli('restart', '-t', '0', 'one')
    assert kernel(cli, 'one', 'memory/memory.limit_in_bytes', 'memory.max') == str(32 << 20)


def test_update_of_a_stopped_container_counts_at_its_start(docker):
    docker('create', '--name', 'later', '-m', '64m', '--memory-swap', '256m', 'busybox', 'sleep', '1000')
    docker('update', '-m', '128m', '--memory-reservation', '32m', 'later')
    docker('start', 'later')
    assert kernel(docker, 'later', 'memory/memory.limit_in_bytes', 'memory.max') == str(128 << 20)
    assert kernel(docker, 'later', 'memory/memory.soft_limit_in_bytes', 'memory.low') == str(32 << 20)


def test_what_cannot_be_is_refused_and_changes_nothing(docker, engine):
    docker('run', '-d', '--name', 'firm', '-m', '64m', '--memory-swap', '64m', '--cpus', '0.5', 'busybox', 'sleep', '1000')
    before = docker.inspect('firm')['HostConfig']
    cases = [({'Memory': 128 << 20}, 409, 'update the memoryswap at the same time'), ({'Memory': 1000}, 400, 'Minimum memory limit allowed is 6MB'),
             ({'CpuPeriod': 50000}, 409, 'CPU Period cannot be updated as NanoCPUs has already been set'),
             ({'MemorySwap': 32 << 20}, 400, 'memoryswap limit should be larger'), ({'CpusetCpus': '4000'}, 0, 'cpuset'),
             ({'RestartPolicy': {'Name': 'sometimes'}}, 400, 'invalid restart policy'), ({'BlkioDeviceReadBps': [{'Path': '/dev/zero', 'Rate': 1}]}, 501, 'BlkioDeviceReadBps'),
             ({'CpuRealtimeRuntime': 5}, 501, 'CpuRealtimeRuntime')]
    for body, status, text in cases:
        answer = engine.post('/containers/firm/update', body)
        assert answer.status == status or (status == 0 and answer.status >= 400), (body, answer.text)
        assert text.lower() in answer.json['message'].lower(), (body, answer.text)
        assert docker.inspect('firm')['HostConfig'] == before, body
    assert kernel(docker, 'firm', 'memory/memory.limit_in_bytes', 'memory.max') == str(64 << 20)
    assert engine.post('/containers/nosuch/update', {'Memory': 64 << 20}).status == 404
    fine = engine.post('/containers/firm/update', {'CpuShares': 100})
    assert fine.status == 200 and 'Warnings' in fine.json, fine.text
    docker('run', '-d', '--rm', '--name', 'brief', 'busybox', 'sleep', '1000')
    answer = engine.post('/containers/brief/update', {'RestartPolicy': {'Name': 'always'}})
    assert answer.status == 409 and 'AutoRemove is enabled' in answer.json['message']


def test_restart_policy_changes_what_happens_next(docker, eventually):
    docker('run', '-d', '--name', 'steady', 'busybox', 'sh', '-c', 'sleep 0.3; exit 3')
    docker('update', '--restart', 'on-failure:2', 'steady')
    assert docker.inspect('steady')['HostConfig']['RestartPolicy'] == {'Name': 'on-failure', 'MaximumRetryCount': 2}
    eventually(lambda: docker.inspect('steady')['RestartCount'] == 2 and docker.inspect('steady')['State']['Status'] == 'exited', 20)
    docker('run', '-d', '--name', 'calm', '--restart', 'always', 'busybox', 'sleep', '1000')
    docker('update', '--restart', 'no', 'calm')
    docker('exec', 'calm', 'kill', '-9', '-1', check=False)
    docker('kill', '-s', 'KILL', 'calm', check=False)
    eventually(lambda: docker.inspect('calm')['State']['Status'] == 'exited')


def test_an_update_is_durable_and_told(docker, engine):
    import time
    docker('run', '-d', '--name', 'kept', '-m', '64m', '--memory-swap', '64m', 'busybox', 'sleep', '1000')
    begun = time.time()
    docker('update', '-m', '96m', '--memory-swap', '96m', '--restart', 'unless-stopped', 'kept')
    engine.kill9()
    engine.start()
    host = docker.inspect('kept')['HostConfig']
    assert (host['Memory'], host['RestartPolicy']['Name']) == (96 << 20, 'unless-stopped')
    lines = docker.out('events', '--since', f'{begun:.9f}', '--until', f'{time.time():.9f}', '--filter', 'container=kept', '--format', '{{.Action}}')
    assert 'update' in lines.split()


def test_death_in_the_middle_loses_no_container(docker, engine):
    docker('run', '-d', '--name', 'half', '-m', '64m', '--memory-swap', '64m', 'busybox', 'sleep', '1000')
    engine.restart(faults='update.record:1:kill')
    docker('update', '-m', '96m', '--memory-swap', '96m', 'half', check=False)
    assert engine.process.wait(10) == -9, 'update.record was never reached'
    engine.start()
    shown = docker.inspect('half')
    assert shown['State']['Running'] and shown['HostConfig']['Memory'] == 64 << 20    # it was never acknowledged
    docker('update', '-m', '128m', '--memory-swap', '128m', 'half')
    assert kernel(docker, 'half', 'memory/memory.limit_in_bytes', 'memory.max') == str(128 << 20)
    assert docker.inspect('half')['HostConfig']['Memory'] == 128 << 20
