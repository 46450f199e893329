"""Containers through the API and the official command line: flags, limits, states, errors."""
import json
import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


def sh(docker, script, *flags, **kw):
    return docker('run', '--rm', *flags, 'busybox', 'sh', '-c', script, **kw)


def test_environment_user_directory_and_hostname(docker, tmp_path):
    (tmp_path / 'env').write_text('FROM_FILE=1\n# comment\n')
    result = sh(docker, 'echo $A $FROM_FILE; pwd; id -u; id -G; hostname', '-e', 'A=b', '--env-file', tmp_path / 'env', '-w', '/usr/new',
                '-u', 'web', '--group-add', '29', '-h', 'boat')
    lines = result.out.split('\n')
    assert lines[0] == 'b 1' and lines[1] == '/usr/new' and lines[2] == '1000' and lines[4] == 'boat', result
    assert set(lines[3].split()) >= {'1000', '29'}


@pytest.mark.parametrize('user', ['2147483648', '4294967296', '-1', '99999999999', '0:4294967296'])
def test_users_beyond_the_kernels_range_are_refused(docker, user):
    result = sh(docker, 'id', '-u', user, check=False)
    assert result.code in (125, 126, 127, 128, 1) and 'uid=0' not in result.out, result


def test_limits_are_in_the_kernel(docker):
    script = 'for f in memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares pids/pids.max; do cat /sys/fs/cgroup/$f; done'
    if not os.path.exists('/sys/fs/cgroup/memory'):
        script = 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu.weight /sys/fs/cgroup/pids.max'
    result = sh(docker, script, '-m', '64m', '--cpus', '0.5', '--cpu-shares', '512', '--pids-limit', '50')
    if os.path.exists('/sys/fs/cgroup/memory'):
        assert result.out.split() == [str(64 << 20), '50000', '512', '50']
    else:
        assert result.out.split()[:3] == [str(64 << 20), '50000', '100000']


def test_memory_limit_kills_and_says_so(docker, eventually):
    docker('run', '--name', 'oom', '-m', '16m', '--memory-swap', '16m', 'busybox', 'sh', '-c', 'x=a; while true; do x=$x$x; done', check=False)
    try:
        state = json.loads(docker.out('inspect', 'oom'))[0]['State']
        assert state['OOMKilled'] is True and state['ExitCode'] == 137, state
    finally:
        docker('rm', '-f', 'oom')


def test_shm_tmpfs_ulimit_sysctl(docker):
    result = sh(docker, 'df -k /dev/shm /scratch | tail -n 2 | awk "{print \\$2}"; ulimit -n; cat /proc/sys/net/ipv4/ip_forward',
                '--shm-size', '8m', '--tmpfs', '/scratch:size=4m', '--ulimit', 'nofile=123:456', '--sysctl', 'net.ipv4.ip_forward=0')
    assert result.out.split() == ['8192', '4096', '123', '0'], result


def test_namespaces_of_the_host(docker):
    assert sh(docker, 'readlink /proc/self/ns/net', '--network', 'host').out.strip() == os.readlink('/proc/self/ns/net')
    assert sh(docker, 'readlink /proc/self/ns/pid', '--pid', 'host').out.strip() == os.readlink('/proc/self/ns/pid')
    assert sh(docker, 'readlink /proc/self/ns/ipc', '--ipc', 'host').out.strip() == os.readlink('/proc/self/ns/ipc')


def test_capabilities_default_added_dropped_privileged(docker):
    def effective(*flags):
        return int(sh(docker, 'grep CapEff /proc/self/status', *flags).out.split()[1], 16)
    assert effective() == 0x00000000a80425fb
    assert effective('--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN') == 1 << 12
    assert effective('--privileged') & (1 << 21)
    assert sh(docker, 'grep -E "CapInh|CapAmb" /proc/self/status').out.split()[1::2] == ['0' * 16, '0' * 16]
    assert effective('-u', 'web') == 0
    bad = sh(docker, 'true', '--cap-add', 'NOSUCH', check=False)
    assert bad.code == 125 and 'NOSUCH' in bad.err


def test_seccomp_masked_paths_and_no_new_privileges(docker):
    assert sh(docker, 'unshare -U true', check=False).code != 0
    assert sh(docker, 'unshare -U true', '--security-opt', 'seccomp=unconfined', '--cap-add', 'SYS_ADMIN', check=False).code == 0
    assert sh(docker, 'wc -c < /proc/kcore; ls /proc/acpi /proc/scsi /sys/firmware | grep -v : | tr -d "\\n"', check=False).out.strip() in ('0', '')
    assert sh(docker, 'echo 1 > /proc/sysrq-trigger', check=False).code != 0
    assert sh(docker, 'grep NoNewPrivs /proc/self/status', '--security-opt', 'no-new-privileges').out.split() == ['NoNewPrivs:', '1']
    assert sh(docker, 'grep Seccomp: /proc/self/status').out.split() == ['Seccomp:', '2']


def test_nothing_of_the_host_is_open_inside(docker):
    fds = sh(docker, 'ls /proc/1/fd').out.split()
    assert set(fds) <= {'0', '1', '2', '3'}, fds    # 3: ls itself may hold one on its own /proc/self
    for number in range(3, 20):
        result = docker('run', '--rm', '-w', f'/proc/self/fd/{number}', 'busybox', 'pwd', check=False)
        assert result.code != 0 or not os.path.isdir(result.out.strip() or '/nonexistent') or result.out.strip().startswith('/proc'), result


def test_read_only_root_and_init(docker):
    assert sh(docker, 'touch /x', '--read-only', check=False).code == 1
    assert 'sampan-init' in sh(docker, 'cat /proc/1/cmdline', '--init').out or 'docker-init' in sh(docker, 'cat /proc/1/cmdline', '--init').out


def test_device_is_there_and_others_are_not(docker):
    assert sh(docker, 'head -c 4 /dev/mem', check=False).code != 0
    assert sh(docker, 'ls -l /dev/myfull', '--device', '/dev/full:/dev/myfull:r').out.startswith('crw')


def test_mounts_bind_volume_tmpfs(docker, tmp_path):
    (tmp_path / 'f').write_text('from the host')
    assert sh(docker, 'cat /m/f', '-v', f'{tmp_path}:/m:ro').out == 'from the host'
    assert sh(docker, 'touch /m/x', '-v', f'{tmp_path}:/m:ro', check=False).code == 1
    assert sh(docker, 'cat /m/f', '--mount', f'type=bind,source={tmp_path},target=/m,readonly').out == 'from the host'
    missing = sh(docker, 'true', '--mount', f'type=bind,source={tmp_path}/none,target=/m', check=False)
    assert missing.code == 125 and 'bind source path does not exist' in missing.err
    assert sh(docker, 'mount | grep " /t "', '--mount', 'type=tmpfs,target=/t,tmpfs-size=1m').out.count('size=1024k') == 1
    duplicate = sh(docker, 'true', '-v', f'{tmp_path}:/m', '-v', '/tmp:/m', check=False)
    assert duplicate.code == 125 and 'Duplicate mount point: /m' in duplicate.err


def test_restart_policy_counts_and_gives_up(docker, eventually):
    docker('run', '-d', '--name', 'again', '--restart', 'on-failure:2', 'busybox', 'false')
    try:
        state = eventually(lambda: settled(docker, 'again'), 15)
        assert state['RestartCount'] == 2 and state['State']['ExitCode'] == 1
    finally:
        docker('rm', '-f', 'again')


def settled(docker, name):
    shown = json.loads(docker.out('inspect', name))[0]
    return shown if shown['State']['Status'] == 'exited' else None


def test_always_restarts_until_it_is_stopped(docker, eventually):
    docker('run', '-d', '--name', 'forever', '--restart', 'always', 'busybox', 'sh', '-c', 'sleep 0.1')
    try:
        eventually(lambda: json.loads(docker.out('inspect', 'forever'))[0]['RestartCount'] >= 2, 15)
        docker('stop', 'forever')
        time.sleep(1.5)
        assert docker.out('inspect', '--format', '{{.State.Running}}', 'forever') == 'false'
    finally:
        docker('rm', '-f', 'forever')


def test_restart_of_a_container_with_rm_keeps_it(docker, eventually):
    docker('run', '-d', '--rm', '--name', 'brief', 'busybox', 'sleep', '1000')
    before = docker.inspect('brief')
    assert docker('restart', '-t', '0', 'brief').code == 0
    after = docker.inspect('brief')
    assert after['State']['Running'] and after['Id'] == before['Id'] and after['State']['StartedAt'] > before['State']['StartedAt']
    assert after['HostConfig']['AutoRemove']
    docker('stop', '-t', '0', 'brief')
    eventually(lambda: docker('inspect', 'brief', check=False).code != 0, what='the removal after its end')


def signalled(docker, eventually, name, policy, *flags):
    """Ends the container by a signal of a user's; the restart that follows, or None after a while."""
    script = 'trap "exit 3" USR1; echo ready; while :; do sleep 0.05; done'
    docker('run', '-d', '--name', name, '--restart', policy, *flags, 'busybox', 'sh', '-c', script)
    eventually(lambda: 'ready' in docker.out('logs', name))
    docker('kill', '-s', 'USR1', name)
    eventually(lambda: docker.inspect(name)['State']['Status'] != 'running' or docker.inspect(name)['RestartCount'], what='the end by USR1')
    time.sleep(1)
    shown = docker.inspect(name)
    docker('rm', '-f', name)
    return shown['RestartCount'], shown['State']['Status'], shown['State']['ExitCode']


def test_any_kill_counts_as_a_stop_unless_the_container_names_its_signal(docker, eventually):
    assert signalled(docker, eventually, 'k1', 'always') == (0, 'exited', 3)
    assert signalled(docker, eventually, 'k2', 'on-failure') == (0, 'exited', 3)
    assert signalled(docker, eventually, 'k3', 'always', '--stop-signal', 'TERM') == (1, 'running', 0)
    assert signalled(docker, eventually, 'k4', 'on-failure', '--stop-signal', 'TERM') == (1, 'running', 0)
    assert signalled(docker, eventually, 'k5', 'unless-stopped', '--stop-signal', 'TERM') == (0, 'exited', 3)
    assert signalled(docker, eventually, 'k6', 'always', '--stop-signal', 'USR1') == (0, 'exited', 3)


def test_kill_of_a_paused_container_lets_it_hear(docker, eventually):
    script = 'trap "echo heard" USR1; echo ready; while :; do sleep 0.05; done'
    docker('run', '-d', '--name', 'frozen', 'busybox', 'sh', '-c', script)
    eventually(lambda: 'ready' in docker.out('logs', 'frozen'))
    docker('pause', 'frozen')
    docker('kill', '-s', 'USR1', 'frozen')
    eventually(lambda: 'heard' in docker.out('logs', 'frozen'), what='the signal')
    assert docker.inspect('frozen')['State']['Status'] == 'running'
    docker('rm', '-f', 'frozen')


def test_logs_tail_since_timestamps_and_follow(docker):
    docker('run', '--name', 'log', 'busybox', 'sh', '-c', 'for i in 1 2 3 4 5; do echo line $i; done; echo err >&2')
    try:
        assert docker.out('logs', '--tail', '2', 'log').splitlines()[-1].startswith('line 5')
        assert docker('logs', 'log').err == 'err\n'
        stamped = docker.out('logs', '-t', 'log').splitlines()
        assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 1', stamped[0])
        assert docker('logs', '-f', 'log').out.count('line') == 5
        assert docker('logs', '--since', '2999-01-01T00:00:00Z', 'log').out == ''
    finally:
        docker('rm', 'log')


def test_log_driver_none_and_unknown(docker, engine):
    docker('run', '--name', 'quiet', '--log-driver', 'none', 'busybox', 'echo', 'x')
    try:
        result = docker('logs', 'quiet', check=False)
        assert result.code == 1 and 'configured logging driver does not support reading' in result.err
    finally:
        docker('rm', 'quiet')
    assert docker('run', '--log-driver', 'nosuch', 'busybox', 'true', check=False).code == 125


def test_attach_detach_keys_leave_it_running(docker, eventually):
    import pty
    main, other = pty.openpty()
    docker('run', '-dit', '--name', 'tty', 'busybox', 'sh')
    try:
        process = docker.popen('attach', 'tty', stdin=other, stdout=other, stderr=other)
        time.sleep(0.5)
        os.write(main, b'\x10\x11')
        process.wait(10)
        assert b'read escape sequence' in os.read(main, 4096)
        assert docker.out('inspect', '--format', '{{.State.Running}}', 'tty') == 'true'
    finally:
        docker('rm', '-f', 'tty')
        os.close(main)
        os.close(other)


def test_signals_reach_the_process_through_the_client(docker, eventually):
    process = docker.popen('run', '--rm', '--name', 'sig', 'busybox', 'sh', '-c', 'trap "exit 42" TERM; echo ready; while :; do sleep 0.1; done')
    eventually(lambda: 'ready' in docker('logs', 'sig', check=False).out)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 42


def test_filters_of_ps(docker):
    docker('run', '-d', '--name', 'f1', '--label', 'team=a', 'busybox', 'sleep', '100')
    docker('create', '--name', 'f2', '--label', 'team=b', 'busybox', 'true')
    try:
        def names(*filters):
            flags = [word for item in filters for word in ('--filter', item)]
            return docker.out('ps', '-a', '--format', '{{.Names}}', *flags).split()
        assert names('label=team=a') == ['f1']
        assert names('status=created') == ['f2']
        assert names('name=^f') == ['f2', 'f1']
        assert names('ancestor=busybox', 'status=running') == ['f1']
        assert names('before=f2') == ['f1']
        assert docker('ps', '--filter', 'nosuch=1', check=False).code == 1
    finally:
        docker('rm', '-f', 'f1', 'f2')


def test_wrong_requests_change_nothing(engine):
    before = engine.get('/containers/json?all=1').json
    cases = [
        ('POST', '/containers/create', '{"Image":', 400, 'unexpected EOF'),
        ('POST', '/containers/create', '{"Image":"busybox","HostConfig":{"Memory":"x"}}', 400, 'cannot unmarshal'),
        ('POST', '/containers/create', '{"Image":"nosuch"}', 404, 'No such image: nosuch:latest'),
        ('POST', '/containers/create', '{"Image":"busybox","HostConfig":{"DeviceRequests":[{"Count":-1}]}}', 501, 'DeviceRequests'),
        ('POST', '/containers/create', '{"Image":"busybox","HostConfig":{"Memory":1}}', 400, 'Minimum memory limit allowed is 6MB'),
        ('POST', '/containers/create?name=-', '{"Image":"busybox"}', 400, 'Invalid container name'),
        ('GET', '/containers/nosuch/json', None, 404, 'No such container: nosuch'),
        ('GET', '/nosuch', None, 404, 'page not found'),
        ('GET', '/v1.23/version', None, 400, 'client version 1.23 is too old'),
        ('GET', '/v9.99/version', None, 400, 'client version 9.99 is too new'),
        ('GET', '/containers/json?filters=%7B', None, 400, 'invalid filter'),
    ]
    for method, path, body, status, text in cases:
        answer = engine.request(method, path, body, {'Content-Type': 'application/json'} if body else None)
        assert answer.status == status and text in answer.text, (path, answer.status, answer.text)
    assert engine.get('/containers/json?all=1').json == before


def test_names_conflict_and_prefixes(docker, engine):
    id = docker.out('create', '--name', 'one', 'busybox', 'true')
    try:
        taken = docker('create', '--name', 'one', 'busybox', 'true', check=False)
        assert 'Conflict. The container name "/one" is already in use by container' in taken.err
        assert docker.out('inspect', '--format', '{{.Id}}', id[:8]) == id
        assert engine.post(f'/containers/{id}/stop').status == 304
    finally:
        docker('rm', 'one')
    assert docker('rm', 'one', check=False).code == 1


def test_events_tell_a_life_in_order(docker, engine):
    start = time.time()
    docker('run', '--rm', '--name', 'evt', 'busybox', 'true')
    lines = docker.out('events', '--since', f'{start:.9f}', '--until', f'{time.time() + 0.2:.9f}', '--filter', 'container=evt',
                       '--format', '{{.Action}}').splitlines()
    assert [line for line in lines if line in ('create', 'attach', 'start', 'die', 'destroy')] == ['create', 'attach', 'start', 'die', 'destroy']


def test_stats_and_df(docker):
    docker('run', '-d', '--name', 'st', '-m', '64m', 'busybox', 'sleep', '100')
    try:
        assert '/ 64MiB' in docker.out('stats', '--no-stream', '--format', '{{.MemUsage}}', 'st')
        assert 'Containers' in docker.out('system', 'df')
    finally:
        docker('rm', '-f', 'st')


def test_container_mode_shares_the_network(docker):
    docker('run', '-d', '--name', 'host1', 'busybox', 'sleep', '100')
    try:
        own = docker.out('exec', 'host1', 'ip', '-4', 'addr', 'show', 'eth0')
        assert sh(docker, 'ip -4 addr show eth0', '--network', 'container:host1').out.strip() == own
    finally:
        docker('rm', '-f', 'host1')


# ---- networks that come and go

@pytest.mark.parametrize('start', ['bridge', 'none'])
def test_connected_later_it_finds_names(engine, docker, start):
    docker('network', 'create', 'late')
    docker('run', '-d', '--name', 'late-web', '--network', 'late', 'busybox', 'httpd', '-f', '-h', '/etc')
    docker('run', '-d', '--name', 'late-one', '--network', start, 'busybox', 'sleep', '1000')
    try:
        before = docker.out('exec', 'late-one', 'cat', '/etc/hosts')
        if start == 'none':
            assert 'private (none) mode' in docker('network', 'connect', 'late', 'late-one', check=False).err
            docker('network', 'disconnect', 'none', 'late-one')
        docker('network', 'connect', '--alias', 'second', 'late', 'late-one')
        resolv = docker.out('exec', 'late-one', 'cat', '/etc/resolv.conf')
        assert 'nameserver 127.0.0.11' in resolv and 'ndots:0' in resolv, resolv
        assert docker.out('exec', 'late-one', 'wget', '-qO-', 'http://late-web/passwd').startswith('root')
        docker('exec', 'late-web', 'ping', '-c', '1', '-W', '5', 'second')
        address = engine.get('/containers/late-one/json').json['NetworkSettings']['Networks']['late']['IPAddress']
        assert f'{address}\t' in docker.out('exec', 'late-one', 'cat', '/etc/hosts')
        engine.kill9()
        engine.start()
        assert docker.out('exec', 'late-one', 'wget', '-qO-', 'http://late-web/passwd').startswith('root')
        docker('network', 'disconnect', 'late', 'late-one')
        assert docker.out('exec', 'late-one', 'cat', '/etc/hosts') == before
    finally:
        docker('rm', '-f', 'late-web', 'late-one')
        docker('network', 'rm', 'late')


def test_resolv_conf_that_was_edited_inside_stays(docker):
    docker('network', 'create', 'late')
    docker('run', '-d', '--name', 'late-one', 'busybox', 'sleep', '1000')
    try:
        docker('exec', 'late-one', 'sh', '-c', 'echo nameserver 192.0.2.1 >/etc/resolv.conf')
        docker('network', 'connect', 'late', 'late-one')
        assert docker.out('exec', 'late-one', 'cat', '/etc/resolv.conf') == 'nameserver 192.0.2.1'
    finally:
        docker('rm', '-f', 'late-one')
        docker('network', 'rm', 'late')


def test_an_exec_that_many_start_runs_once(docker, engine):
    docker('run', '-d', '--name', 'once', 'busybox', 'sleep', '100')
    try:
        def made(script):
            return engine.post('/containers/once/exec', {'Cmd': ['sh', '-c', script]}).json['Id']
        for _ in range(5):
            # The others hold the container's turn, so that all who want the one stand in line for it together.
            ids = [made('true'), made('true')] + [made('echo ran >> /tmp/runs')] * 6
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(lambda id: engine.post(f'/exec/{id}/start', {'Detach': True}).status, ids))
            assert answers[:2] == [200, 200] and sorted(answers[2:]) == [200] + [409] * 5
        assert docker.out('exec', 'once', 'sh', '-c', 'sleep 0.5; wc -l < /tmp/runs') == '5'
    finally:
        docker('rm', '-f', 'once')
