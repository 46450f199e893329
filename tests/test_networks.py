"""Networks: what create takes, list and inspect show, connect and disconnect change; names, addresses, resolvers."""
import json
import os
import re
import socket

import pytest


LINK = f'smp-{os.getpid() % 1000000}'


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


def ips(docker, name):
    return {network: end['IPAddress'] for network, end in docker.inspect(name)['NetworkSettings']['Networks'].items()}


# ---- objects

@pytest.mark.smoke
def test_create_with_addresses_labels_and_options(cli):
    id = cli.out('network', 'create', '--subnet', '10.213.0.0/24', '--gateway', '10.213.0.254', '--ip-range', '10.213.0.128/28', '--aux-address',
                 'printer=10.213.0.129', '--label', 'team=a', '-o', 'com.docker.network.bridge.name=' + LINK, '-o', 'com.docker.network.driver.mtu=1400',
                 'full')
    assert len(id) == 64
    shown = json.loads(cli.out('network', 'inspect', 'full'))[0]
    config = shown['IPAM']['Config'][0]
    assert (config['Subnet'], config['Gateway'], config['IPRange']) == ('10.213.0.0/24', '10.213.0.254', '10.213.0.128/28')
    assert config['AuxiliaryAddresses'] == {'printer': '10.213.0.129'} and shown['Labels'] == {'team': 'a'}
    assert (shown['Driver'], shown['Scope'], shown['Internal'], shown['Attachable'], shown['EnableIPv6']) == ('bridge', 'local', False, False, False)
    assert LINK in [name for _, name in socket.if_nameindex()]
    result = cli.out('run', '--rm', '--network', 'full', 'busybox', 'sh', '-c', 'ip -4 addr show eth0; ip route; ip link show eth0')
    address = re.search(r'inet 10\.213\.0\.(\d+)/24', result)
    assert int(address.group(1)) in {128, *range(130, 144)} and 'default via 10.213.0.254' in result and 'mtu 1400' in result
    cli('network', 'rm', 'full')
    assert LINK not in [name for _, name in socket.if_nameindex()]
    assert cli('network', 'inspect', 'full', check=False).code == 1


@pytest.mark.smoke
def test_list_filters_and_formats(cli):
    for name, label in [('alpha', 'k=1'), ('beta', 'k=2')]:
        cli('network', 'create', '--label', label, name)
    cli('run', '-d', '--name', 'member', '--network', 'beta', 'busybox', 'sleep', '100')
    def names(*filters):
        return sorted(cli.out('network', 'ls', '--format', '{{.Name}}', *[word for item in filters for word in ('--filter', item)]).split())
    assert names() == ['alpha', 'beta', 'bridge', 'host', 'none']
    assert names('type=custom') == ['alpha', 'beta'] and names('type=builtin') == ['bridge', 'host', 'none']
    assert names('driver=null') == ['none'] and names('driver=bridge') == ['alpha', 'beta', 'bridge']
    assert names('label=k') == ['alpha', 'beta'] and names('label=k=2') == ['beta'] and names('name=alp') == ['alpha']
    assert names('dangling=true') == ['alpha'] and names('scope=local') == names() and names('scope=swarm') == []
    id = cli.out('network', 'ls', '-q', '--no-trunc', '--filter', 'name=alpha')
    assert names('id=' + id[:12]) == ['alpha'] and cli.out('network', 'ls', '-q', '--filter', 'name=alpha') == id[:12]
    assert cli('network', 'ls', '--filter', 'nosuch=1', check=False).code == 1
    verbose = json.loads(cli.out('network', 'inspect', '-v', id[:10]))[0]
    assert verbose['Name'] == 'alpha' and verbose['Containers'] == {}
    member = list(json.loads(cli.out('network', 'inspect', 'beta'))[0]['Containers'].values())
    assert len(member) == 1 and member[0]['Name'] == 'member' and member[0]['IPv4Address'].count('/') == 1
    cli('rm', '-f', 'member')
    assert sorted(cli.out('network', 'rm', 'alpha', 'beta').split()) == ['alpha', 'beta']


def test_what_cannot_be_created_is_refused(docker, engine):
    docker('network', 'create', '--subnet', '10.213.0.0/24', 'taken')
    cases = [(['taken'], 'network with name taken already exists'), (['--subnet', '10.213.0.128/25', 'inner'], 'Pool overlaps'),
             (['--subnet', 'nonsense', 'xx'], 'invalid'), (['--subnet', '10.214.0.0/24', '--gateway', '10.215.0.1', 'xx'], '10.215.0.1'),
             (['-d', 'nosuch', 'xx'], 'plugin "nosuch" not found'), (['-d', 'host', 'xx'], 'only one instance of "host" network is allowed'),
             (['--ipv6', 'xx'], 'not implemented'), (['-d', 'macvlan', 'xx'], 'not implemented'), (['--config-only', 'xx'], 'not implemented'),
             (['bridge'], 'predefined')]
    for words, text in cases:
        result = docker('network', 'create', *words, check=False)
        assert result.code == 1 and text in result.err, (words, result)
    assert [network['Name'] for network in engine.get('/networks').json if network['Name'] not in ('bridge', 'host', 'none')] == ['taken']
    for name in ('bridge', 'host', 'none'):
        refused = docker('network', 'rm', name, check=False)
        assert refused.code == 1 and 'pre-defined network and cannot be removed' in refused.err
    assert docker('network', 'rm', 'nosuch', check=False).code == 1


def test_network_in_use_is_kept(docker):
    docker('network', 'create', 'busy')
    docker('run', '-d', '--name', 'member', '--network', 'busy', 'busybox', 'sleep', '100')
    refused = docker('network', 'rm', 'busy', check=False)
    assert refused.code == 1 and 'has active endpoints' in refused.err and 'member' in refused.err
    docker('stop', '-t', '0', 'member')
    docker('network', 'rm', 'busy')
    failed = docker('start', 'member', check=False)
    assert failed.code == 1 and 'network' in failed.err and 'not found' in failed.err, failed
    assert docker.inspect('member')['State']['Status'] == 'exited'


@pytest.mark.smoke
def test_prune_takes_unused_ones_that_match(cli):
    for name, label in [('one', 'k=1'), ('two', 'k=2'), ('used', 'k=1')]:
        cli('network', 'create', '--label', label, name)
    cli('create', '--name', 'member', '--network', 'used', 'busybox', 'true')
    out = cli.out('network', 'prune', '-f', '--filter', 'label=k=1').split()
    assert 'one' in out and 'two' not in out and 'used' not in out
    assert 'two' not in cli.out('network', 'prune', '-f', '--filter', 'until=1h').split()
    assert 'two' in cli.out('network', 'prune', '-f')
    assert 'used' in cli.out('network', 'ls', '--format', '{{.Name}}')
    cli('rm', 'member')
    cli('network', 'rm', 'used')


def test_internal_networks_reach_nobody_outside(docker):
    docker('network', 'create', '--internal', '--subnet', '10.213.5.0/24', 'inside')
    docker('run', '-d', '--name', 'peer', '--network', 'inside', 'busybox', 'httpd', '-f', '-h', '/etc')
    assert docker.sh('wget -qO- http://peer/hostname', '--network', 'inside').code == 0
    assert 'default' not in docker.sh('ip route', '--network', 'inside').out
    bridge = json.loads(docker.out('network', 'inspect', 'bridge'))[0]['IPAM']['Config'][0]['Gateway']
    assert docker.sh(f'ping -c 1 -W 1 {bridge}', '--network', 'inside', check=False).code != 0


# ---- containers on networks

def test_fixed_address_alias_and_hardware_address(docker, engine):
    docker('network', 'create', '--subnet', '10.213.1.0/24', 'fix')
    docker('run', '-d', '--name', 'one', '--network', 'fix', '--ip', '10.213.1.77', '--network-alias', 'first', '--network-alias', 'uno', '--mac-address',
           '02:42:0a:d5:01:4d', 'busybox', 'sleep', '100')
    end = docker.inspect('one')['NetworkSettings']['Networks']['fix']
    assert (end['IPAddress'], end['IPPrefixLen'], end['Gateway'], end['MacAddress']) == ('10.213.1.77', 24, '10.213.1.1', '02:42:0a:d5:01:4d')
    assert end['IPAMConfig'] == {'IPv4Address': '10.213.1.77'} and set(end['Aliases']) >= {'first', 'uno'}
    for name in ('one', 'first', 'uno', 'one.fix'):
        assert '10.213.1.77' in docker.sh(f'nslookup {name} 127.0.0.11', '--network', 'fix').out
    assert docker.out('exec', 'one', 'cat', '/sys/class/net/eth0/address') == '02:42:0a:d5:01:4d'
    taken = docker.sh('true', '--network', 'fix', '--ip', '10.213.1.77', check=False)
    assert taken.code == 125 and 'Address already in use' in taken.err
    outside = docker.sh('true', '--network', 'fix', '--ip', '10.214.1.1', check=False)
    assert outside.code == 125 and docker.sh('true', '--network', 'fix', '--ip', 'nonsense', check=False).code == 125
    # Through the API: a client of 20.10 leaves both away for the default network.
    for settings, text in [({'IPAMConfig': {'IPv4Address': '10.213.5.5'}}, 'user specified IP address is supported on user defined networks only'),
                           ({'Aliases': ['xx']}, 'network-scoped alias')]:
        for network in ('bridge', 'default'):
            answer = engine.post('/containers/create', {'Image': 'busybox', 'NetworkingConfig': {'EndpointsConfig': {network: settings}}})
            assert answer.status == 400 and text in answer.json['message'], answer.text
    assert docker.sh('true', '--mac-address', 'nonsense', '--network', 'fix', check=False).code == 125
    assert docker.sh('cat /sys/class/net/eth0/address', '--mac-address', '02:42:ac:11:00:99').out.strip() == '02:42:ac:11:00:99'


def test_names_are_scoped_to_their_network(docker):
    for net in ('left', 'right'):
        docker('network', 'create', net)
        docker('run', '-d', '--name', 'on-' + net, '--network', net, '--network-alias', 'same', 'busybox', 'sleep', '100')
    assert docker.sh('nslookup on-right', '--network', 'left', check=False).code != 0
    assert ips(docker, 'on-left')['left'] in docker.sh('nslookup same', '--network', 'left').out
    assert docker.sh('nslookup on-left', check=False).code != 0    # not from the default bridge
    assert docker.sh('ping -c 1 -W 1 ' + ips(docker, 'on-right')['right'], '--network', 'left', check=False).code != 0


def test_two_that_share_an_alias_are_both_told(docker):
    docker('network', 'create', 'pair')
    for name in ('aa', 'bb'):
        docker('run', '-d', '--name', name, '--network', 'pair', '--network-alias', 'db', 'busybox', 'sleep', '100')
    told = docker.sh('nslookup db 127.0.0.11', '--network', 'pair').out
    assert ips(docker, 'aa')['pair'] in told and ips(docker, 'bb')['pair'] in told
    docker('rm', '-f', 'aa')
    told = docker.sh('nslookup db 127.0.0.11', '--network', 'pair').out
    assert ips(docker, 'bb')['pair'] in told and told.count('Address') <= 2


def test_resolver_options_and_extra_hosts(docker):
    flags = ['--dns', '192.0.2.1', '--dns', '192.0.2.2', '--dns-search', 'a.test', '--dns-search', 'b.test', '--dns-option', 'timeout:1']
    lines = docker.sh('cat /etc/resolv.conf', *flags).out.splitlines()
    assert lines[-4:] == ['nameserver 192.0.2.1', 'nameserver 192.0.2.2', 'search a.test b.test', 'options timeout:1']
    docker('network', 'create', 'own')
    lines = docker.sh('cat /etc/resolv.conf', '--network', 'own', *flags).out.splitlines()
    assert lines[-3:] == ['nameserver 127.0.0.11', 'search a.test b.test', 'options timeout:1 ndots:0']
    bridge = json.loads(docker.out('network', 'inspect', 'bridge'))[0]['IPAM']['Config'][0]['Gateway']
    hosts = docker.sh('cat /etc/hosts', '--add-host', 'db.test:192.0.2.9', '--add-host', 'up:host-gateway', '--add-host', 'six:2001:db8::1').out
    assert '192.0.2.9\tdb.test' in hosts and f'{bridge}\tup' in hosts and '2001:db8::1\tsix' in hosts
    assert docker.sh('true', '--add-host', 'nonsense', check=False).code == 125
    assert docker.sh('true', '--dns', 'nonsense', check=False).code == 125
    assert '192.0.2.9\tdb.test' in docker.sh('cat /etc/hosts', '--network', 'host', '--add-host', 'db.test:192.0.2.9').out


def test_none_host_and_container_modes(docker):
    assert docker.sh('ls /sys/class/net', '--network', 'none').out.split() == ['lo']
    assert docker.sh('true', '--network', 'nosuch', check=False).code == 125
    docker('run', '-d', '--name', 'giver', '--hostname', 'boat', '--add-host', 'x.test:192.0.2.1', 'busybox', 'sleep', '100')
    out = docker.sh('hostname; grep x.test /etc/hosts; ip -4 -o addr show eth0', '--network', 'container:giver').out.splitlines()
    assert out[0] == 'boat' and out[1].startswith('192.0.2.1') and ips(docker, 'giver')['bridge'] in out[2]
    for flags in (['-p', '80'], ['--dns', '192.0.2.1'], ['--add-host', 'a:192.0.2.1'], ['-h', 'other']):
        result = docker.sh('true', '--network', 'container:giver', *flags, check=False)
        assert result.code == 125 and 'conflicting options' in result.err.lower(), (flags, result)
    docker('create', '--name', 'guest', '--network', 'container:giver', 'busybox', 'true')
    docker('stop', '-t', '0', 'giver')
    late = docker('start', 'guest', check=False)
    assert late.code == 1 and 'cannot join network of a non running container' in late.err


# ---- connect and disconnect

@pytest.mark.smoke
def test_connect_and_disconnect_a_running_container(docker, cli):
    docker('network', 'create', '--subnet', '10.213.2.0/24', 'more')
    docker('run', '-d', '--name', 'peer', '--network', 'more', 'busybox', 'httpd', '-f', '-h', '/etc')
    docker('run', '-d', '--name', 'mover', 'busybox', 'sleep', '1000')
    assert docker('exec', 'mover', 'wget', '-qO-', 'http://peer/hostname', check=False).code != 0
    cli('network', 'connect', '--ip', '10.213.2.44', '--alias', 'moved', 'more', 'mover')
    assert ips(docker, 'mover')['more'] == '10.213.2.44' and set(ips(docker, 'mover')) == {'bridge', 'more'}
    assert '10.213.2.44' in docker.out('exec', 'mover', 'ip', '-4', 'addr', 'show', 'eth1')
    assert '10.213.2.44' in docker.out('exec', 'mover', 'cat', '/etc/hosts')
    assert docker.out('exec', 'mover', 'wget', '-qO-', 'http://peer/hostname') == docker.inspect('peer')['Id'][:12]
    assert docker.out('exec', 'peer', 'nslookup', 'moved', '127.0.0.11').count('10.213.2.44') == 1
    again = cli('network', 'connect', 'more', 'mover', check=False)
    assert again.code == 1 and 'already exists in network more' in again.err
    cli('network', 'disconnect', 'more', 'mover')
    assert set(ips(docker, 'mover')) == {'bridge'} and 'eth1' not in docker.out('exec', 'mover', 'ls', '/sys/class/net')
    assert '10.213.2.44' not in docker.out('exec', 'mover', 'cat', '/etc/hosts')
    assert docker('exec', 'mover', 'ping', '-c', '1', '-W', '1', ips(docker, 'peer')['more'], check=False).code != 0
    gone = cli('network', 'disconnect', 'more', 'mover', check=False)
    assert gone.code == 1 and 'is not connected to' in gone.err
    docker('network', 'disconnect', 'bridge', 'mover')
    assert docker.out('exec', 'mover', 'ls', '/sys/class/net') == 'lo'
    for flags in ([], ['-f']):
        assert cli('network', 'disconnect', *flags, 'more', 'nosuch', check=False).code == 1
    assert cli('network', 'connect', 'more', 'nosuch', check=False).code == 1


def test_connect_counts_at_the_next_start(docker):
    docker('network', 'create', '--subnet', '10.213.3.0/24', 'later')
    docker('create', '--name', 'sleeper', 'busybox', 'sleep', '100')
    docker('network', 'connect', '--ip', '10.213.3.9', 'later', 'sleeper')
    docker('start', 'sleeper')
    assert ips(docker, 'sleeper')['later'] == '10.213.3.9' and ips(docker, 'sleeper')['bridge']
    docker('network', 'disconnect', 'bridge', 'sleeper')
    docker('restart', '-t', '0', 'sleeper')
    assert ips(docker, 'sleeper') == {'later': '10.213.3.9'}


def test_modes_that_cannot_be_connected(docker):
    docker('network', 'create', 'net1')
    for mode, text in [('host', 'sharing network namespace'), ('none', 'multiple networks with one of the networks in'), ('container:base', 'sharing network namespace')]:
        if mode == 'container:base':
            docker('run', '-d', '--name', 'base', 'busybox', 'sleep', '100')
        docker('run', '-d', '--name', 'one-' + mode[:4], '--network', mode, 'busybox', 'sleep', '100')
        result = docker('network', 'connect', 'net1', 'one-' + mode[:4], check=False)
        assert result.code == 1 and text in result.err, (mode, result)


def test_network_by_id_is_the_same_network(docker):
    id = docker.out('network', 'create', 'named')
    docker('run', '-d', '--name', 'by-id', '--network', id, 'busybox', 'sleep', '100')
    docker('run', '-d', '--name', 'by-prefix', '--network', id[:12], 'busybox', 'sleep', '100')
    assert list(ips(docker, 'by-id')) == ['named'] and list(ips(docker, 'by-prefix')) == ['named']
    assert docker.out('ps', '-q', '--filter', 'network=named').count('\n') == 1
    assert docker.out('network', 'ls', '-q', '--filter', 'dangling=true', '--filter', 'name=named') == ''
    docker('network', 'disconnect', 'named', 'by-id')
    docker('network', 'disconnect', 'named', 'by-prefix')
    assert ips(docker, 'by-id') == {}


def test_gateway_priority_and_interface_name(engine, docker):
    for number in (1, 2):
        docker('network', 'create', '--subnet', f'10.213.2{number}.0/24', f'way{number}')
    ends = {'way1': {}, 'way2': {'GwPriority': 10, 'DriverOpts': {'com.docker.network.endpoint.ifname': 'wan0'}}}
    body = {'Image': 'busybox', 'Cmd': ['sleep', '1000'], 'HostConfig': {'NetworkMode': 'way1'}, 'NetworkingConfig': {'EndpointsConfig': ends}}
    assert engine.post('/containers/create?name=two-ways', body).status == 201
    docker('start', 'two-ways')
    assert 'default via 10.213.22.1 dev wan0' in docker.out('exec', 'two-ways', 'ip', 'route')
    assert set(ips(docker, 'two-ways')) == {'way1', 'way2'}
    docker('network', 'disconnect', 'way2', 'two-ways')
    assert 'default via 10.213.21.1' in docker.out('exec', 'two-ways', 'ip', 'route'), 'the other one takes over'


# ---- the daemon's death

def test_death_amid_a_networks_making_leaves_no_bridge(engine, docker):
    """The fault point lies between the message to the kernel that makes the link and the one that gives it the rest."""
    own, named = 'br-' + engine.instance, LINK + 'h'
    def there():
        return {name for _, name in socket.if_nameindex()} & {own, named}
    def create():
        return docker('network', 'create', '-o', 'com.docker.network.bridge.name=' + named, 'half', check=False)
    engine.stop()
    assert there() == set()
    engine.start(faults='bridge.made:2:kill')    # the first is the default bridge
    create()
    assert engine.process.wait(10) == -9, 'bridge.made was never reached'
    assert there() == {own, named}
    engine.start()
    assert there() == {own}, 'a bridge of no network is left'
    assert create().code == 0
    # The same at a start that makes the bridges anew: they are known as the daemon's own afterwards.
    for hit in (1, 2):
        engine.stop()
        assert there() == set()
        engine.start(faults=f'bridge.made:{hit}:kill', wait=False)
        assert engine.process.wait(10) == -9
        assert there()
        engine.start()
        assert there() == {own, named}
    assert docker.out('run', '--rm', '--network', 'half', 'busybox', 'hostname')
    docker('network', 'rm', 'half')
    assert there() == {own}
    engine.stop()
    assert there() == set()
    engine.start()
