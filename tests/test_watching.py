"""Watching containers: ps and its filters, logs and rotation, stats, top, attach, exec, wait, diff, info."""
import json
import os
import pty
import re
import subprocess
import threading
import time

import pytest

from lib.engine import UnixConnection


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


def listed(client, *filters):
    words = [word for item in filters for word in ('--filter', item)]
    return sorted(client.out('ps', '-a', '--format', '{{.Names}}', *words).split())


def test_every_filter_of_ps(docker, engine):
    docker('network', 'create', 'net1')
    docker('run', '-d', '--name', 'web', '-l', 'k=1', '--network', 'net1', '-v', 'data:/data', '-p', '127.0.0.1::80', '--expose', '99', 'busybox', 'sleep', '1000')
    docker('run', '--name', 'done', '-l', 'k=2', 'busybox', 'sh', '-c', 'exit 3', check=False)
    docker('create', '--name', 'fresh', 'busybox', 'true')
    docker('run', '-d', '--name', 'still', 'busybox', 'sleep', '1000')
    docker('pause', 'still')
    id = docker.inspect('web')['Id']
    port = docker.out('port', 'web', '80').rsplit(':', 1)[1]
    expected = {
        ('id=' + id[:6],): ['web'], ('name=^/?web$',): ['web'], ('name=e',): ['done', 'fresh', 'web'], ('label=k',): ['done', 'web'],
        ('label=k=2',): ['done'], ('exited=3',): ['done'], ('exited=0',): [], ('status=paused',): ['still'], ('status=exited',): ['done'],
        ('status=created', 'status=running'): ['fresh', 'web'], ('ancestor=busybox:latest',): ['done', 'fresh', 'still', 'web'], ('ancestor=nosuch',): [],
        ('before=fresh',): ['done', 'web'], ('since=done',): ['fresh', 'still'], ('volume=data',): ['web'], ('volume=/data',): ['web'],
        ('network=net1',): ['web'], ('network=bridge',): ['done', 'fresh', 'still'], ('publish=80',): [], ('publish=' + port,): ['web'], ('expose=99/tcp',): ['web'],
        ('expose=90-100',): ['web'], ('health=none',): ['done', 'fresh', 'still', 'web'], ('health=healthy',): [], ('is-task=false',): ['done', 'fresh', 'still', 'web'],
        ('is-task=true',): [], ('label=k', 'status=running'): ['web'],
    }
    for filters, names in expected.items():
        assert listed(docker, *filters) == names, filters
    for bad in ('nosuch=1', 'status=odd', 'exited=x', 'health=odd', 'before=nosuch'):
        assert docker('ps', '--filter', bad, check=False).code == 1, bad
    assert docker.out('ps', '--format', '{{.Names}}').split() == ['still', 'web']
    assert docker.out('ps', '-n', '2', '--format', '{{.Names}}').split() == ['still', 'fresh'] and docker.out('ps', '-l', '--format', '{{.Names}}') == 'still'
    assert docker.out('ps', '-aq', '--no-trunc', '--filter', 'name=web') == id
    assert re.search(r'\(virtual', docker.out('ps', '-as', '--filter', 'name=web', '--format', '{{.Size}}'))
    docker('unpause', 'still')


def test_logs_since_until_tail_and_details(docker):
    docker('run', '--name', 'talk', 'busybox', 'sh', '-c', 'echo one; sleep 1.1; echo two; echo three >&2')
    stamps = [line.split(' ', 1) for line in docker.out('logs', '-t', 'talk').splitlines()]
    assert docker('logs', '--since', stamps[1][0], 'talk').out.split() == ['two']
    assert docker('logs', '--until', stamps[0][0], 'talk').out.split() == ['one']
    assert docker('logs', '--tail', '1', 'talk').err.split() == ['three'] and docker('logs', '--tail', '0', 'talk').out == ''
    assert docker('logs', '--since', '10m', 'talk').out.split() == ['one', 'two'] and docker('logs', '--details', 'talk').out.split() == ['one', 'two']
    assert docker('logs', '--since', 'nonsense', 'talk', check=False).code == 1 and docker('logs', 'nosuch', check=False).code == 1


def test_log_files_are_rotated_by_size_and_count(docker, eventually):
    docker('run', '--name', 'loud', '--log-opt', 'max-size=20k', '--log-opt', 'max-file=3', 'busybox', 'sh', '-c', 'seq -w 1 3000')
    path = docker.inspect('loud')['LogPath']
    files = [path, path + '.1', path + '.2']
    assert all(os.path.exists(name) for name in files) and not os.path.exists(path + '.3')
    assert all(os.path.getsize(name) < 21 * 1024 for name in files)
    kept = docker.out('logs', 'loud').split()
    assert kept[-1] == '3000' and len(kept) > 300 and [int(line) for line in kept] == list(range(int(kept[0]), 3001))
    for option in ('max-size=abc', 'max-file=0', 'nosuch=1'):
        assert docker('run', '--rm', '--log-opt', option, 'busybox', 'true', check=False).code == 125, option


@pytest.mark.smoke
def test_stats_top_and_diff(cli):
    cli('run', '-d', '--name', 'busy', '-m', '64m', 'busybox', 'sh', '-c', 'touch /made; rm /etc/group; while :; do :; done')
    line = json.loads(cli.out('stats', '--no-stream', '--format', '{{json .}}', 'busy'))
    assert line['Name'] == 'busy' and line['MemUsage'].endswith('/ 64MiB') and line['PIDs'] == '1' and float(line['CPUPerc'].rstrip('%')) > 1
    assert re.fullmatch(r'[\d.]+k?M?B / [\d.]+k?M?B', line['NetIO'])
    top = cli.out('top', 'busy', '-o', 'pid,args').splitlines()
    assert top[0].split() == ['PID', 'COMMAND'] and 'while :' in top[1]
    assert set(cli.out('diff', 'busy').splitlines()) >= {'A /made', 'C /etc', 'D /etc/group'}
    cli('rm', '-f', 'busy')
    assert cli('stats', '--no-stream', 'nosuch', check=False).code == 1


def test_what_the_engine_makes_is_no_change_of_the_containers(docker):
    script = 'ls -l /.dockerenv && readlink /etc/mtab && cat /etc/mtab > /dev/null'
    assert docker('run', '--name', 'fresh', 'busybox', 'sh', '-c', script).out.split()[0] == '-rwxr-xr-x'
    assert docker.out('diff', 'fresh') == ''
    docker('start', 'fresh')
    docker('wait', 'fresh')
    assert docker.out('diff', 'fresh') == ''
    docker('run', '--name', 'used', 'busybox', 'touch', '/etc/mine')
    assert docker.out('diff', 'used').split('\n') == ['C /etc', 'A /etc/mine']


def test_stats_stream_over_the_api(engine, docker):
    docker('run', '-d', '--name', 'busy', '-m', '64m', 'busybox', 'sh', '-c', 'while :; do :; done')
    first = engine.get('/containers/busy/stats?stream=0&one-shot=1').json
    second = engine.get('/containers/busy/stats?stream=0').json
    assert second['cpu_stats']['cpu_usage']['total_usage'] > first['cpu_stats']['cpu_usage']['total_usage'] > 0
    assert second['precpu_stats']['cpu_usage']['total_usage'] > 0 and second['cpu_stats']['system_cpu_usage'] > 0
    assert second['memory_stats']['limit'] == 64 << 20 and 0 < second['memory_stats']['usage'] < 64 << 20
    assert second['pids_stats']['current'] == 1 and second['name'] == '/busy' and second['networks']['eth0']['tx_packets'] >= 0
    assert second['cpu_stats']['online_cpus'] == os.cpu_count()
    connection = UnixConnection(engine.socket)
    connection.request('GET', '/containers/busy/stats')
    stream = connection.getresponse()
    one, two = (json.loads(stream.readline()) for _ in range(2))    # one a second, each with the one before
    connection.close()
    assert two['precpu_stats']['cpu_usage'] == one['cpu_stats']['cpu_usage'] and two['read'] > one['read']


@pytest.mark.smoke
def test_attach_sees_and_sends(cli):
    cli('run', '-di', '--name', 'cat', 'busybox', 'sh', '-c', 'while read l; do echo got $l; test $l = both && exit 4; done')
    process = cli.popen('attach', 'cat', stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write('ahoy\n')
    process.stdin.flush()
    assert process.stdout.readline() == 'got ahoy\n'
    other = cli.popen('attach', '--no-stdin', 'cat', stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    time.sleep(0.3)    # the client does not say when it is attached
    process.stdin.write('both\n')
    process.stdin.flush()
    assert process.stdout.readline() == 'got both\n' and process.wait(20) == 4
    assert other.stdout.read() == 'got both\n' and other.wait(20) == 4
    assert cli('attach', 'cat', check=False).code == 1    # it is not running


@pytest.mark.smoke
def test_start_attached_and_interactive(cli):
    cli('create', '-i', '--name', 'later', 'busybox', 'sh', '-c', 'cat; echo err >&2; exit 6')
    result = cli('start', '-ai', 'later', input='ahoy\n', check=False)
    assert (result.out, result.err, result.code) == ('ahoy\n', 'err\n', 6)
    assert cli.out('wait', 'later') == '6'
    cli('rm', 'later')


@pytest.mark.smoke
def test_exec_options(cli, engine):
    cli('run', '-d', '--name', 'base', '-e', 'A=1', 'busybox', 'sleep', '1000')
    assert cli.out('exec', '-e', 'B=2', '-w', '/tmp', '-u', 'web', 'base', 'sh', '-c', 'echo $A $B $(pwd) $(id -u)') == '1 2 /tmp 1000'
    assert cli('exec', '-i', 'base', 'cat', input='in\n').out == 'in\n'
    assert cli('exec', '-d', 'base', 'sh', '-c', 'echo x > /tmp/d').code == 0
    capable = int(cli.out('exec', '--privileged', 'base', 'grep', 'CapEff', '/proc/self/status').split()[1], 16)
    assert capable & (1 << 21)
    for words, code, text in [(['base', 'nosuch'], 127, 'executable file not found in $PATH'), (['base', '/etc'], 126, 'is a directory: permission denied'),
                              (['-w', '/nosuch', 'base', 'true'], 127, 'chdir to cwd ("/nosuch") set in config.json failed: no such file or directory'),
                              (['-w', '/etc/passwd', 'base', 'true'], 127, 'chdir to cwd ("/etc/passwd") set in config.json failed: not a directory'),
                              (['-w', 'rel', 'base', 'true'], 128, 'exec failed: Cwd must be an absolute path')]:
        failed = cli('exec', *words, check=False)
        assert failed.code == code and failed.out.startswith('OCI runtime exec failed: ') and text in failed.out, (words, failed)
        apart = cli('exec', '-d', *words, check=False)
        assert apart.code == 1 and apart.err.startswith('Error response from daemon: OCI runtime exec failed: ') and text in apart.err, (words, apart)
    cli('pause', 'base')
    paused = cli('exec', 'base', 'true', check=False)
    assert paused.code == 1 and 'is paused' in paused.err
    cli('unpause', 'base')
    cli('rm', '-f', 'base')


NO_USER = 'unable to find user nosuch: no matching entries in passwd file'
NO_GROUP = 'unable to find group nosuch: no matching entries in group file'
OUT_OF_RANGE = 'uids and gids must be in range 0-2147483647'


@pytest.mark.smoke
def test_exec_as_nobody_known_is_refused_before_it_is_made(cli, engine):
    cli('run', '-d', '--name', 'base', 'busybox', 'sleep', '1000')
    begun = time.time()
    for flags in ([], ['-d'], ['-i'], ['-d', '-w', '/nosuch']):
        refused = cli('exec', *flags, '-u', 'nosuch', 'base', 'true', check=False)
        assert (refused.code, refused.out, refused.err.strip()) == (1, '', 'Error response from daemon: ' + NO_USER), (flags, refused)
    terminal, other = pty.openpty()
    process = cli.popen('exec', '-it', '-u', 'web:nosuch', 'base', 'true', stdin=other, stdout=other, stderr=other)
    os.close(other)
    said = b''
    while b'group file' not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)
    assert process.wait(10) == 1 and NO_GROUP.encode() in said
    for user, text in [('nosuch', NO_USER), ('nosuch:0', NO_USER), ('0:nosuch', NO_GROUP), (':nosuch', NO_GROUP), ('99999999999', OUT_OF_RANGE),
                       ('-1', OUT_OF_RANGE), ('1234:99999999999', OUT_OF_RANGE), ('0:0:0', NO_GROUP.replace('nosuch', '0:0'))]:
        answer = engine.post('/containers/base/exec', {'Cmd': ['true'], 'User': user})
        assert (answer.status, answer.json.get('message')) == (400, text), (user, answer.text)
    assert engine.get('/containers/base/json').json['ExecIDs'] is None
    assert cli.out('exec', '-u', '4321:8765', 'base', 'sh', '-c', 'echo $(id -u) $(id -g)') == '4321 8765'
    actions = cli.out('events', '--since', f'{begun:.9f}', '--until', f'{time.time():.9f}', '--filter', 'container=base', '--format', '{{.Action}}').splitlines()
    assert [action for action in actions if action.startswith('exec_create')] == ["exec_create: sh -c echo $(id -u) $(id -g)"], actions
    cli('rm', '-f', 'base')


def test_the_user_of_an_exec_is_looked_up_in_the_containers_own_files(docker, engine):
    """Where its processes see them, and nowhere else: links lead around inside, and what is no file is no list."""
    docker('run', '-d', '--name', 'base', 'busybox', 'sleep', '1000')
    def refused(script):
        docker('exec', 'base', 'sh', '-c', script)
        return engine.post('/containers/base/exec', {'Cmd': ['true'], 'User': 'late'}, timeout=10)
    assert refused('true').status == 400
    assert refused('echo late:x:77:77::/:/bin/sh >>/etc/passwd').status == 201
    assert docker.out('exec', '-u', 'late', 'base', 'id', '-u') == '77'
    assert refused('mv /etc/passwd /etc/list; ln -s /../../etc/list /etc/passwd').status == 201
    with open('/etc/passwd') as file:
        hosts_own = next(line.split(':')[0] for line in file)
    assert engine.post('/containers/base/exec', {'Cmd': ['true'], 'User': hosts_own}).status == 201
    for script in ('rm /etc/passwd; mkfifo /etc/passwd', 'rm /etc/passwd; mkdir /etc/passwd', 'rmdir /etc/passwd; ln -s /dev/zero /etc/passwd',
                   'rm /etc/passwd; ln -s /proc/1/root/etc/list /etc/passwd'):
        answer = refused(script)
        assert (answer.status, answer.json['message']) == (400, NO_USER.replace('nosuch', 'late')), script
    docker('rm', '-f', 'base')


def test_an_exec_whose_user_went_meanwhile_says_so(docker, engine):
    docker('run', '-d', '--name', 'base', 'busybox', 'sleep', '1000')
    for detach, status in ((False, 200), (True, 500)):
        docker('exec', 'base', 'sh', '-c', 'echo late:x:77:77::/:/bin/sh >>/etc/passwd')
        id = engine.post('/containers/base/exec', {'Cmd': ['true'], 'User': 'late', 'AttachStdout': True}).json['Id']
        docker('exec', 'base', 'sed', '-i', '/late/d', '/etc/passwd')
        answer = engine.post(f'/exec/{id}/start', {'Detach': detach})
        assert answer.status == status and 'unable to find user late: no matching entries in passwd file' in answer.text, answer.text
        assert 'OCI runtime' not in answer.text
        now = engine.get(f'/exec/{id}/json').json
        assert (now['Running'], now['ExitCode']) == (False, 126)
    docker('rm', '-f', 'base')


@pytest.mark.smoke
def test_exec_with_a_terminal(cli):
    import pty
    cli('run', '-d', '--name', 'base', 'busybox', 'sleep', '1000')
    main, other = pty.openpty()
    process = cli.popen('exec', '-it', 'base', 'sh', '-c', 'tty; echo $TERM; exit 7', stdin=other, stdout=other, stderr=other)
    assert process.wait(20) == 7
    text = os.read(main, 4096).decode()
    assert '/dev/pts/' in text and 'xterm' in text, text
    os.close(main)
    os.close(other)
    cli('rm', '-f', 'base')


def test_exec_inspect_and_resize(engine, docker):
    docker('run', '-d', '--name', 'base', 'busybox', 'sleep', '1000')
    id = engine.post('/containers/base/exec', {'Cmd': ['sh', '-c', 'sleep 0.5; stty size > /tmp/size; exit 5'], 'Tty': True, 'User': 'root', 'Env': ['A=1']}).json['Id']
    before = engine.get(f'/exec/{id}/json').json
    assert (before['Running'], before['ExitCode'], before['ProcessConfig']['tty'], before['ProcessConfig']['entrypoint']) == (False, None, True, 'sh')
    assert engine.post(f'/exec/{id}/start', {'Detach': True}).status == 200
    assert engine.post(f'/exec/{id}/resize?h=44&w=122').status in (200, 201)
    assert engine.get(f'/exec/{id}/json').json['Running'] is True and id in engine.get('/containers/base/json').json['ExecIDs']
    for _ in range(200):
        after = engine.get(f'/exec/{id}/json').json
        if not after['Running']:
            break
        time.sleep(0.02)
    assert after['ExitCode'] == 5 and docker.out('exec', 'base', 'cat', '/tmp/size') == '44 122'
    assert engine.get('/exec/nosuch/json').status == 404 and engine.post(f'/exec/{id}/start', {'Detach': True}).status == 409
    assert engine.post('/containers/base/exec', {'Cmd': []}).status == 400


def test_a_resize_waits_for_the_start(engine, docker):
    """Clients send it beside the start, and the older ones give up after a few milliseconds."""
    docker('run', '-d', '--name', 'base', 'busybox', 'sleep', '1000')
    id = engine.post('/containers/base/exec', {'Cmd': ['sh', '-c', 'until test "$(stty size)" = "44 122"; do sleep 0.05; done'], 'Tty': True}).json['Id']
    answers = []
    resize = threading.Thread(target=lambda: answers.append(engine.post(f'/exec/{id}/resize?h=44&w=122')))
    resize.start()
    time.sleep(0.3)
    assert not answers, answers[0].text
    assert engine.post(f'/exec/{id}/start', {'Detach': True}).status == 200
    resize.join(20)
    assert answers[0].status in (200, 201), answers[0].text
    for _ in range(400):
        after = engine.get(f'/exec/{id}/json').json
        if not after['Running']:
            break
        time.sleep(0.02)
    assert after['ExitCode'] == 0, after
    answer = engine.post(f'/exec/{id}/resize?h=44&w=122')
    assert answer.status == 409 and answer.json['message'] == 'exec process is not running'


def test_wait_conditions(engine, docker):
    docker('create', '--name', 'sleeper', 'busybox', 'sh', '-c', 'sleep 0.2; exit 3')
    results = {}
    def wait(condition):
        results[condition] = engine.post(f'/containers/sleeper/wait?condition={condition}', timeout=30).json['StatusCode']
    assert engine.post('/containers/sleeper/wait?condition=not-running').json['StatusCode'] == 0    # it never ran
    threads = [threading.Thread(target=wait, args=(condition,)) for condition in ('next-exit', 'removed')]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    docker('start', 'sleeper')
    threads[0].join(20)
    assert results == {'next-exit': 3}
    docker('rm', 'sleeper')
    threads[1].join(20)
    assert results['removed'] == 3
    assert engine.post('/containers/sleeper/wait').status == 404 and engine.post('/containers/x/wait?condition=odd').status in (400, 404)


def test_rename_conflicts(docker):
    docker('create', '--name', 'one', 'busybox', 'true')
    docker('create', '--name', 'two', 'busybox', 'true')
    taken = docker('rename', 'one', 'two', check=False)
    assert taken.code == 1 and 'is already in use by container' in taken.err
    assert docker('rename', 'one', 'bad/name', check=False).code == 1 and docker('rename', 'nosuch', 'three', check=False).code == 1
    assert docker('rename', 'one', 'one', check=False).code == 1
    docker('rename', 'one', 'three')
    assert listed(docker) == ['three', 'two']


@pytest.mark.smoke
def test_info_tells_what_is_there(cli, engine):
    cli('run', '-d', '--name', 'up', 'busybox', 'sleep', '1000')
    info = json.loads(cli.out('info', '--format', '{{json .}}'))
    assert (info['Containers'], info['ContainersRunning'], info['ContainersStopped'], info['Images']) == (1, 1, 0, 1)
    assert info['Driver'] in ('overlay2', 'vfs') and info['NCPU'] == os.cpu_count() and info['OSType'] == 'linux' and info['MemTotal'] > 0
    assert info['LoggingDriver'] == 'json-file' and info['DockerRootDir'] == engine.root + '/data' and info['CgroupVersion'] in ('1', '2')
    assert info['KernelVersion'] == os.uname()[2] and 'bridge' in info['Plugins']['Network'] and info['Plugins']['Volume'] == ['local']
    assert 'Server Version' in cli.out('info') and info['DefaultRuntime'] == 'runc'
    if info['Driver'] == 'overlay2':    # mount(2) is given names relative to the layers, which have room there
        upper = re.search('upperdir=([^,]+)', cli.out('exec', 'up', 'grep', ' / ', '/proc/mounts')).group(1)
        assert dict(info['DriverStatus'])['Mounted by'] == ('mount(2)' if upper.startswith('..') else 'fsopen(2)')
    cli('rm', '-f', 'up')


@pytest.mark.smoke
def test_prune_by_state_age_and_label(cli):
    cli('run', '-d', '--name', 'up', 'busybox', 'sleep', '1000')
    cli('run', '--name', 'big', '-l', 'k=1', 'busybox', 'dd', 'if=/dev/zero', 'of=/f', 'bs=1M', 'count=2')
    cli('create', '--name', 'kept', '-l', 'k=2', 'busybox', 'true')
    assert 'Total reclaimed space: 0B' in cli.out('container', 'prune', '-f', '--filter', 'until=1h')
    big = cli.inspect('big')['Id']
    out = cli.out('container', 'prune', '-f', '--filter', 'label=k=1')
    assert out.splitlines()[:2] == ['Deleted Containers:', big] and re.search(r'reclaimed space: 2\.\d+MB', out)
    assert listed(cli) == ['kept', 'up']
    cli('volume', 'create', 'vol1')
    cli('network', 'create', 'net1')
    cli('tag', 'busybox', 'extra:1')
    out = cli.out('system', 'prune', '-f', '--filter', 'label!=k')
    assert 'net1' in out and listed(cli) == ['kept', 'up']
    assert 'kept' not in listed(cli, 'status=running') and 'busybox' in cli.out('images', '--format', '{{.Repository}}')
    cli('rmi', 'extra:1')
    assert 'Deleted Containers' in cli.out('system', 'prune', '-f', '--volumes')
    assert listed(cli) == ['up']
    df = cli.out('system', 'df', '-v')
    assert 'Images space usage:' in df and 'Containers space usage:' in df and 'Local Volumes space usage:' in df and 'up' in df
    totals = {line.split('|')[0]: line.split('|')[1:] for line in cli.out('system', 'df', '--format', '{{.Type}}|{{.TotalCount}}|{{.Active}}').splitlines()}
    assert totals['Images'] == ['1', '1'] and totals['Containers'] == ['1', '1']
    cli('rm', '-f', 'up')
    cli('volume', 'rm', '-f', 'vol1')


def test_restart_backs_off_and_unless_stopped_stays_stopped(docker, engine, eventually):
    docker('run', '-d', '--name', 'flaky', '--restart', 'unless-stopped', 'busybox', 'sh', '-c', 'cut -d" " -f1 /proc/uptime >> /runs; exit 1')
    eventually(lambda: docker.inspect('flaky')['RestartCount'] >= 4, 20)
    assert docker.inspect('flaky')['State']['Status'] in ('restarting', 'running')
    docker('stop', 'flaky')
    count = docker.inspect('flaky')['RestartCount']
    engine.restart()
    time.sleep(0.5)
    shown = docker.inspect('flaky')
    assert shown['State']['Status'] == 'exited' and shown['RestartCount'] == count
    source = shown['GraphDriver']['Data'].get('UpperDir') or shown['GraphDriver']['Data'].get('RootDir')
    if source:
        runs = [float(line) for line in open(source + '/runs')]
        gaps = [later - earlier for earlier, later in zip(runs, runs[1:])]
        assert gaps[0] >= 0.09 and gaps[2] >= 0.39, gaps    # 100, 200, 400 ms; the clock counts in hundredths
    docker('run', '-d', '--name', 'always', '--restart', 'always', 'busybox', 'sleep', '1000')
    docker('stop', '-t', '0', 'always')
    engine.restart()    # a stopped one with `always` comes back with the daemon
    eventually(lambda: docker.inspect('always')['State']['Running'])
