"""sampand's own options: sockets, files, daemon.json, reload, several daemons, the host's firewall."""
import grp
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest

from lib.daemon import Daemon
from lib.engine import BIN, Client


@pytest.fixture
def daemon():
    made = []

    def make(*args, **kw):
        made.append(Daemon(args, **kw))
        return made[-1]
    yield make
    for one in reversed(made):
        if os.path.exists(one.root):
            one.close()


def refused(*args, config=None):
    return Daemon(args, config=config, wait=False).ends()


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


# ---- sockets

def test_two_unix_sockets_and_loopback_serve_at_once(daemon):
    port = free_port()
    extra = tempfile.mkdtemp(dir='/run') + '/deep/er/second.sock'
    one = daemon('-H', 'unix://' + extra, '--host', f'tcp://127.0.0.1:{port}')
    hosts = [one.host, 'unix://' + extra, f'tcp://127.0.0.1:{port}']
    for host in hosts:
        client = Client('sampan', BIN + '/sampan', host)
        assert client.out('version', '--format', '{{.Server.Version}}')
        client.close()
    assert 'without --tlsverify is insecure' in one.log() and f'127.0.0.1:{port}' in one.log()
    assert any('without encryption' in warning for warning in one.get('/info').json['Warnings'])
    one.close()
    assert not os.path.exists(extra), 'a daemon that ends takes its sockets away'
    shutil.rmtree(extra.rsplit('/', 3)[0])


@pytest.mark.parametrize('host, reason', [
    ('tcp://0.0.0.0:2375', 'without TLS'), ('tcp://192.0.2.1:2375', 'without TLS'), ('tcp://0.0.0.0', 'without TLS'),
    ('tcp://127.0.0.1:notaport', 'invalid bind address'), ('http://127.0.0.1:1', 'invalid bind address'), ('fd://', 'not implemented')])
def test_doors_to_the_network_are_refused_with_the_reason(host, reason):
    said = refused('-H', host)
    assert reason in said and 'panic' not in said


@pytest.mark.parametrize('flag', [['--tls'], ['--tlsverify'], ['--tlscacert', '/x'], ['--tlscert=/x'], ['--tlskey=/x']])
def test_flags_of_tls_are_refused_by_name(flag):
    assert flag[0].split('=')[0] + ': TLS' in refused(*flag)


def test_socket_is_for_root_and_its_group(daemon):
    one = daemon()
    found = os.stat(one.socket)
    wanted = 0
    try:
        wanted = grp.getgrnam('docker').gr_gid
    except KeyError:
        pass
    assert stat.S_IMODE(found.st_mode) == 0o660 and found.st_uid == 0 and found.st_gid == wanted
    two = daemon('--group', 'daemon', '--bip', '10.249.77.1/24')
    assert os.stat(two.socket).st_gid == grp.getgrnam('daemon').gr_gid
    three = daemon('-G', '4711', '--bip', '10.249.78.1/24')
    assert os.stat(three.socket).st_gid == 4711
    assert 'group nosuchgroup not found' in refused('--group', 'nosuchgroup')


def test_group_docker_is_taken_where_the_host_has_it(daemon, tmp_path):
    (tmp_path / 'group').write_text(open('/etc/group').read().replace('docker:', 'other:') + 'docker:x:4242:\n')
    one = daemon(before=['unshare', '-m', 'sh', '-c', f'mount --bind {tmp_path}/group /etc/group && exec "$@"', '-'])
    assert os.stat(one.socket).st_gid == 4242


def test_socket_path_longer_than_the_kernels_address(daemon):
    deep = tempfile.mkdtemp(prefix='sampan-test-', dir='/run')
    path = deep + '/' + 'd' * 100 + '/' + 'e' * 60 + '/sampan.sock'
    one = daemon('-H', 'unix://' + path)
    client = Client('sampan', BIN + '/sampan', 'unix://' + path)
    assert client.out('version', '--format', '{{.Server.Version}}')
    assert client('ps').code == 0
    client.close()
    one.close()
    shutil.rmtree(deep)


def test_default_socket_and_files(tmp_path):
    """In a mount namespace with a /run of its own, so that an installed engine is not in the way."""
    script = f'''mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /etc/sampan 2>/dev/null
{BIN}/sampand --data-root {tmp_path}/data --bip 10.249.79.1/24 >{tmp_path}/log 2>&1 & pid=$!
for i in $(seq 100); do [ -S /run/sampan.sock ] && break; sleep 0.05; done
env -u DOCKER_HOST {BIN}/sampan version --format '{{{{.Server.Version}}}}'; stat -c '%a %U' /run/sampan.sock; cat /run/sampan.pid; ls -d /run/sampan; echo $pid
kill $pid; wait $pid; echo $?; ls /run/sampan.sock /run/sampan.pid 2>&1 | grep -c 'No such'
'''
    done = subprocess.run(['unshare', '-m', 'bash', '-c', script], capture_output=True, text=True, timeout=60)
    lines = done.stdout.split('\n')
    assert lines[1] == '660 root' and lines[2] == lines[4] and lines[3] == '/run/sampan', (done, (tmp_path / 'log').read_text())
    assert lines[5:7] == ['0', '2'], done


# ---- pidfile, locks

def test_stale_pidfile_and_socket_are_replaced(daemon):
    one = daemon()
    one.kill9()
    assert os.path.exists(one.socket) and open(one.run + '/pid').read().strip() == str(one.process.pid)
    one.start()
    assert open(one.run + '/pid').read().strip() == str(one.process.pid)
    one.kill9()
    with open(one.run + '/pid', 'w') as file:       # a number that is somebody else's now
        file.write(f'{os.getpid()}\n')
    one.start()
    assert one.get('/_ping').status == 200


def test_second_daemon_on_the_same_roots_is_refused(daemon):
    one = daemon()

    def second(data, run, pid):
        done = subprocess.run([BIN + '/sampand', '-H', f'unix://{one.run}/other.sock', '--data-root', data, '--exec-root', run, '--pidfile', pid],
                              capture_output=True, text=True, timeout=20)
        assert done.returncode == 1
        return done.stderr
    assert 'is still running' in second(one.root + '/data', one.run + '/exec', one.run + '/pid')
    assert 'is in use by another daemon' in second(one.root + '/data', one.run + '/exec2', one.run + '/pid2')
    assert 'is in use by another daemon' in second(one.root + '/data2', one.run + '/exec', one.run + '/pid3')
    assert one.get('/_ping').status == 200 and open(one.run + '/pid').read().strip() == str(one.process.pid)
    # The socket of a daemon that lives is not taken from it.
    done = subprocess.run([BIN + '/sampand', '-H', one.host, '--data-root', one.root + '/data3', '--exec-root', one.run + '/exec3', '--pidfile',
                           one.run + '/pid4', '--bip', '10.249.80.1/24'], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and one.get('/_ping').status == 200, done


# ---- daemon.json

def test_daemon_json_has_dockers_keys(daemon):
    two = Daemon(sockets=False, wait=False, config='{"data-root": "/proc/nonexistent"}')    # made for its directories
    two.process.wait(20)
    run = two.run
    two.write_config({'hosts': [two.host], 'debug': True, 'bip': '10.249.81.1/24', 'labels': ['a=b', 'c=d'], 'insecure-registries': ['reg.example:5000'],
                      'registry-mirrors': ['https://mirror.example'], 'dns': ['192.0.2.53'], 'dns-search': ['example.org'], 'dns-opts': ['ndots:3'],
                      'live-restore': True, 'max-concurrent-downloads': 7, 'group': 'daemon', 'log-level': 'warn', 'init': True,
                      'default-address-pools': [{'base': '10.248.0.0/16', 'size': 24}],
                      'proxies': {'http-proxy': 'http://proxy.example:3128', 'no-proxy': 'localhost'}})
    two.wait = True
    two.start()
    try:
        info = two.get('/info').json
        assert info['Debug'] and info['Labels'] == ['a=b', 'c=d'] and info['HttpProxy'] == 'http://proxy.example:3128' and info['NoProxy'] == 'localhost'
        assert info['RegistryConfig']['Mirrors'] == ['https://mirror.example'] and 'reg.example:5000' in info['RegistryConfig']['IndexConfigs']
        assert os.stat(two.socket).st_gid == grp.getgrnam('daemon').gr_gid
        assert two.get('/networks/bridge').json['IPAM']['Config'][0]['Subnet'] == '10.249.81.0/24'
        made = two.post('/networks/create', {'Name': 'pooled'}).json
        assert two.get('/networks/' + made['Id']).json['IPAM']['Config'][0]['Subnet'] == '10.248.0.0/24'
        two.delete('/networks/pooled')
    finally:
        two.close()
    assert not os.path.exists(run)


@pytest.mark.parametrize('flags, config, words', [
    (['--debug'], {'debug': False}, 'the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: false)'),
    (['--label', 'a=b', '--label', 'c=d'], {'labels': ['e=f', 'g=h']}, 'labels: (from flag: [a=b c=d], from file: [e=f g=h])'),
    (['--http-proxy', 'http://a'], {'proxies': {'http-proxy': 'http://b'}}, 'http-proxy: (from flag: http://a, from file: http://b)'),
    ([], {'nosuchkey': 1, 'another': {}}, "the following directives don't match any configuration option: another, nosuchkey"),
    ([], {'proxies': {'socks-proxy': 'x'}}, "the following directives don't match any configuration option: proxies.socks-proxy"),
    ([], '{"debug": true,,}', 'unable to configure the daemon with file'), ([], '[1]', 'no JSON object'),
    ([], {'debug': 'true'}, 'wrong type'), ([], {'labels': 'a=b'}, 'wrong type'), ([], {'labels': [1]}, 'wrong type'),
    ([], {'max-concurrent-downloads': '3'}, 'wrong type'), ([], {'max-concurrent-downloads': -1}, 'invalid max concurrent downloads: -1'),
    ([], {'labels': ['nolabel']}, 'bad attribute format: nolabel'), ([], {'labels': ['a=1', 'a=2']}, 'conflict labels for a=1 and a=2'),
    ([], {'live-restore': False}, 'live-restore cannot be switched off'), (['--live-restore=false'], None, 'live-restore cannot be switched off'),
    ([], {'tlsverify': True}, 'tlsverify: TLS'), ([], {'log-level': 'loud'}, 'unable to parse logging level: loud'),
    (['--log-level', 'loud'], None, 'unable to parse logging level: loud'), (['--debug=perhaps'], None, 'invalid argument "perhaps"'),
    (['--nosuchflag'], None, 'unknown flag: --nosuchflag'), (['-Z'], None, "unknown shorthand flag: 'Z' in -Z"), (['word'], None, 'accepts no arguments'),
    (['--label'], None, 'flag needs an argument: --label'), (['--config-file', '/nonexistent/daemon.json'], None, 'no such file or directory'),
    (['--bip', 'nonsense'], None, 'nonsense'), (['--bip', '10.1.2.3/33'], None, '10.1.2.3/33'), (['--dns', 'name.example'], None, 'name.example'),
    (['--registry-mirror', 'no url'], None, 'no url'), (['--storage-driver', 'aufs'], None, 'aufs'), (['--default-address-pool', 'base=x,size=24'], None, 'x')])
def test_what_cannot_be_is_refused_in_words(flags, config, words):
    said = refused(*flags, config=config)
    assert words in said, said
    if config is not None and not flags:
        assert 'daemon.json' in said, said


def test_validate_version_and_help_start_nothing(tmp_path):
    def run(*args):
        return subprocess.run([BIN + '/sampand', *args, '--data-root', str(tmp_path / 'data')], capture_output=True, text=True, timeout=20)
    (tmp_path / 'good.json').write_text('{"debug": true}')
    (tmp_path / 'bad.json').write_text('{"debug": 1}')
    assert run('--validate', '--config-file', tmp_path / 'good.json').stdout == 'configuration OK\n'
    assert run('--validate', '--config-file', tmp_path / 'bad.json').returncode == 1
    assert run('--version').stdout.startswith('Sampan version ') and run('-v').returncode == 0
    for flag in ['--data-root', '--exec-root', '--config-file', '--live-restore', '--max-concurrent-downloads']:
        assert flag in run('--help').stdout
    assert not (tmp_path / 'data').exists()


def test_reload_takes_over_what_dockerd_reloads(daemon, eventually):
    one = daemon(config={'labels': ['old=1'], 'insecure-registries': ['one.example'], 'registry-mirrors': ['https://old.example'], 'debug': False})
    assert one.get('/info').json['Labels'] == ['old=1']
    since = time.time()
    one.write_config({'labels': ['new=2'], 'insecure-registries': ['two.example'], 'registry-mirrors': ['https://new.example'], 'debug': True,
                      'max-concurrent-downloads': 5, 'live-restore': True})
    one.process.send_signal(signal.SIGHUP)
    info = eventually(lambda: (lambda found: found if found['Labels'] == ['new=2'] else None)(one.get('/info').json))
    assert info['Debug'] and info['RegistryConfig']['Mirrors'] == ['https://new.example']
    assert 'two.example' in info['RegistryConfig']['IndexConfigs'] and 'one.example' not in info['RegistryConfig']['IndexConfigs']
    lines = one.get(f'/events?since={since - 1:.3f}&until={time.time() + 0.1:.3f}&' + one.filters(type=['daemon'])).text.splitlines()
    event = json.loads(lines[-1])
    assert event['Action'] == 'reload' and event['Actor']['ID'] == info['ID'] and event['Actor']['Attributes']['max-concurrent-downloads'] == '5'
    assert event['Actor']['Attributes']['labels'] == '["new=2"]'
    assert 'Reloaded configuration' in one.log()
    # What cannot be read changes nothing, and the daemon lives on.
    for broken in ['{', '{"nosuchkey": 1}', '{"live-restore": false}', '{"bip": 1}']:
        one.write_config(broken)
        before = one.log(1000).count('level=error')
        one.process.send_signal(signal.SIGHUP)
        eventually(lambda: one.log(1000).count('level=error') > before, what=f'an error about {broken}')
        assert one.get('/info').json['Labels'] == ['new=2']
    one.write_config({})
    one.process.send_signal(signal.SIGHUP)
    eventually(lambda: one.get('/info').json['Labels'] in ([], None))


def test_log_level_says_how_much(daemon, eventually):
    quiet = daemon('--log-level', 'error')
    assert 'level=info' not in quiet.log()
    assert quiet.stop() == 0
    loud = daemon('-D', '--bip', '10.249.82.1/24')
    loud.get('/containers/json')
    assert 'level=debug' in loud.log(), 'debug shows the requests'


# ---- several daemons

def test_daemons_live_side_by_side_and_keep_their_containers(daemon, eventually):
    from conftest import import_image
    from lib import images
    routes = subprocess.run(['ip', '-4', 'route'], capture_output=True, text=True).stdout
    one, two = daemon(), daemon()
    subnets = [each.get('/networks/bridge').json['IPAM']['Config'][0]['Subnet'] for each in (one, two)]
    assert subnets[0] != subnets[1] and not any(subnet in routes for subnet in subnets), (subnets, routes)
    made = []
    for each in (one, two):
        import_image(each, images.busybox_tar(), 'busybox:latest', ['CMD ["sh"]'])
        answer = each.post('/containers/create?name=same', {'Image': 'busybox', 'Cmd': ['sleep', '1000']})
        assert answer.status == 201, answer.text
        assert each.post('/containers/same/start').status == 204
        made.append(answer.json['Id'])
    pids = [each.get('/containers/same/json').json['State']['Pid'] for each in (one, two)]
    assert len(one.get('/containers/json').json) == 1 and two.get('/containers/' + made[0] + '/json').status == 404
    # SIGTERM to one leaves its container, and everything of the other.
    assert one.stop() == 0
    assert all(os.path.exists(f'/proc/{pid}') for pid in pids)
    assert two.get('/containers/same/json').json['State']['Running']
    one.start()
    state = one.get('/containers/same/json').json['State']
    assert state['Running'] and state['Pid'] == pids[0]


@pytest.mark.parametrize('damaged', [b'', b'../../../escape\n', b'\xff\x00' * 16])
def test_damaged_engine_id_is_refused(daemon, damaged):
    one = daemon()
    path = one.root + '/data/engine-id'
    right = open(path, 'rb').read()
    one.stop()
    open(path, 'wb').write(damaged)
    one.wait = False
    one.start()
    assert one.process.wait(20) == 1 and f'{path} is damaged' in one.log(), one.log()
    open(path, 'wb').write(right)
    one.wait = True
    one.start()


@pytest.mark.parametrize('lost', ['missing', 'empty', 'without tables'])
def test_data_of_a_lost_database_is_kept(daemon, lost):
    import sqlite3
    from conftest import import_image
    from lib import images
    one = daemon()
    import_image(one, images.busybox_tar(), 'busybox:latest', ['CMD ["sh"]'])
    assert one.post('/containers/create?name=kept', {'Image': 'busybox', 'Cmd': ['true']}).status == 201
    data = one.root + '/data'
    one.stop()
    right = {name: open(f'{data}/{name}', 'rb').read() for name in os.listdir(data) if name.startswith('state.db')}
    for name in right:
        os.remove(f'{data}/{name}')
    if lost == 'empty':
        open(data + '/state.db', 'wb').close()
    elif lost == 'without tables':
        with sqlite3.connect(data + '/state.db') as database:
            database.execute('PRAGMA user_version = 1')
        database.close()
    places = ('overlay2/layers', 'overlay2/writable', 'containers', 'content/blobs/sha256')
    before = [sorted(os.listdir(f'{data}/{place}')) for place in places]
    assert all(before), before
    one.wait = False
    for _ in range(2):  # it goes on refusing
        one.start()
        assert one.process.wait(20) == 1 and f'{data}/state.db' in one.log(), one.log()
        assert 'Restore state.db' in one.log() and f'remove {data}/engine-id' in one.log(), one.log()
        assert [sorted(os.listdir(f'{data}/{place}')) for place in places] == before
    one.wait = True
    for name in os.listdir(data):
        if name.startswith('state.db'):
            os.remove(f'{data}/{name}')
    for name, contents in right.items():
        open(f'{data}/{name}', 'wb').write(contents)
    one.start()
    assert one.get('/containers/kept/json').json['State']['Status'] == 'created'
    # Given up, by the remedy that it names.
    one.stop()
    os.remove(data + '/state.db')
    os.remove(data + '/engine-id')
    one.start()
    assert one.get('/containers/json?all=1').json == []


def test_daemon_has_defaults_for_its_containers(daemon):
    from conftest import import_image
    from lib import images
    one = daemon('--dns', '192.0.2.7', '--dns-search', 'example.org', '--dns-opt', 'ndots:3', '--init')
    import_image(one, images.busybox_tar(), 'busybox:latest', ['CMD ["sh"]'])
    client = Client('sampan', BIN + '/sampan', one.host)
    try:
        resolved = client.sh('cat /etc/resolv.conf').out.splitlines()
        assert {'nameserver 192.0.2.7', 'search example.org', 'options ndots:3'} <= set(resolved), resolved
        own = client.sh('cat /etc/resolv.conf', '--dns', '192.0.2.8', '--dns-search', '.').out
        assert 'nameserver 192.0.2.8' in own and '192.0.2.7' not in own and 'example.org' not in own
        assert 'docker-init' in client.sh('cat /proc/1/cmdline').out
        assert 'docker-init' not in client.sh('cat /proc/1/cmdline', '--init=false').out
    finally:
        client.close()


# ---- the host's firewall

FORWARD_DROP = '''ip link set lo up; ip link add up0 type dummy; ip addr add 198.51.100.2/24 dev up0; ip link set up0 up; ip route add default via 198.51.100.1
nft add table ip filter; nft add chain ip filter FORWARD '{ type filter hook forward priority 0 ; policy drop ; }'
exec "$@"'''


def test_host_that_drops_forwarding_is_named_with_the_rule(daemon, eventually):
    one = daemon('--bip', '10.249.83.1/24', before=['unshare', '-n', 'bash', '-c', FORWARD_DROP, '-'])
    from conftest import import_image
    from lib import images
    import_image(one, images.busybox_tar(), 'busybox:latest')
    bridge = one.get('/networks/bridge').json['Options']['com.docker.network.bridge.name']
    rule = f'iptables -I FORWARD -i {bridge} -j ACCEPT'
    answer = one.post('/containers/create?name=one', {'Image': 'busybox', 'Cmd': ['true']})
    assert answer.status == 201 and any(rule in warning for warning in answer.json['Warnings']), answer.text
    # The client puts its own WARNING in front of create's; /info's have it.
    assert not any(warning.startswith('WARNING') for warning in answer.json['Warnings'])
    assert any(rule in warning and warning.startswith('WARNING: ') for warning in one.get('/info').json['Warnings'])
    assert rule in one.log(1000)
    # A container that is not on a bridge is not bothered.
    assert not one.post('/containers/create?name=two', {'Image': 'busybox', 'Cmd': ['true'], 'HostConfig': {'NetworkMode': 'none'}}).json['Warnings']
    # Once the rules named are there, the warning goes.
    inside = ['nsenter', '-t', str(one.process.pid), '-n']
    for direction in ('iifname', 'oifname'):
        subprocess.run([*inside, 'nft', 'insert', 'rule', 'ip', 'filter', 'FORWARD', direction, bridge, 'accept'], check=True)
    eventually(lambda: not one.get('/info').json['Warnings'], what='no warning')
