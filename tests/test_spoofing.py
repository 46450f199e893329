"""A guest on a bridge may speak under its own addresses only, whatever it wraps its frames in."""
import re
import socket
import struct
import subprocess
import time

import pytest

from lib import images

TEXT = b'under another name'
PORT = 7777


@pytest.fixture(scope='module')
def probe(engine):
    images.import_bytes(engine, images.probe_tar(), 'probe:1')
    return 'probe:1'


@pytest.fixture
def three(docker, probe, clean):
    """A liar, one to lie to, and one to be: {name: (address, mac)} and the gateway's address."""
    for name in ('liar', 'hearer', 'victim'):
        docker('run', '-d', '--name', name, probe, 'sleep', '1000')
    ends = {name: docker.inspect(name)['NetworkSettings'] for name in ('liar', 'hearer', 'victim')}
    return {name: (end['IPAddress'], end['MacAddress']) for name, end in ends.items()}, ends['liar']['Gateway']


def mac(text):
    return bytes.fromhex(text.replace(':', ''))


def wrap(to, source, tags, kind, body):
    """`tags`: the types of the tags around it, each of VLAN 0."""
    return (to + mac(source) + b''.join(struct.pack('!HH', tag, 0) for tag in tags) + struct.pack('!H', kind) + body).hex()


def claim(source, address, to, tags, target=b'\xff' * 6):
    """An ARP answer: `address` is at the liar's."""
    body = struct.pack('!HHBBH', 1, 0x800, 6, 4, 2) + mac(source) + socket.inet_aton(address) + b'\xff' * 6 + socket.inet_aton(to)
    return wrap(target, source, tags, 0x806, body)


def datagram(source, target, address, to, tags, text=TEXT):
    size = 28 + len(text)
    head = struct.pack('!BBHHHBBH', 0x45, 0, size, 0, 0, 64, 17, 0) + socket.inet_aton(address) + socket.inet_aton(to)
    total = sum(struct.unpack('!10H', head))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack('!H', total ^ 0xffff) + head[12:]
    return wrap(target, source, tags, 0x800, head + struct.pack('!HHHH', 12345, PORT, 8 + len(text), 0) + text)


WRAPS = [(), (0x8100,), (0x8100, 0x8100), (0x88a8,), (0x88a8, 0x8100), (0x8100, 0x88a8), (0x8100, 0x8100, 0x8100)]
IDS = ['-'.join(f'{tag:x}' for tag in tags) or 'plain' for tags in WRAPS]


@pytest.mark.parametrize('tags', WRAPS, ids=IDS)
def test_no_guest_takes_an_address_by_arp(docker, three, tags):
    ends, gateway = three
    (_, liar), (hearer, hearers), (victim, victims) = ends['liar'], ends['hearer'], ends['victim']
    for address in (gateway, victim):
        docker('exec', 'hearer', 'ping', '-c1', '-W2', address)
    lies = [claim(liar, address, hearer, tags, to) for address in (gateway, victim) for to in (mac(hearers), b'\xff' * 6)]
    assert 'frame 0' in docker.out('exec', 'liar', 'probe', 'frames', 'eth0', *lies)
    table = docker.out('exec', 'hearer', 'cat', '/proc/net/arp')
    assert liar not in table and victims in table, table
    # The host's own table, once the guest was spoken to.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.sendto(b'x', (victim, 9))
    time.sleep(1.2)    # an answer is believed against a fresh entry only after `locktime`, a second
    docker('exec', 'liar', 'probe', 'frames', 'eth0', *[claim(liar, victim, gateway, tags)] * 10)
    neighbours = subprocess.run(['ip', 'neigh', 'show', victim], capture_output=True, text=True, check=True).stdout
    assert victims in neighbours and liar not in neighbours, neighbours


@pytest.mark.parametrize('tags', WRAPS, ids=IDS)
def test_no_guest_sends_under_the_address_of_another(docker, three, eventually, tags):
    ends, gateway = three
    (own, liar), (hearer, hearers), (victim, _) = ends['liar'], ends['hearer'], ends['victim']
    docker('exec', '-d', 'hearer', 'sh', '-c', f'probe hear {PORT} 100 > /tmp/heard')
    eventually(lambda: 'hears' in docker('exec', 'hearer', 'cat', '/tmp/heard', check=False).out)
    lies = [datagram(liar, mac(hearers), address, hearer, tags) for address in (victim, gateway)]
    docker('exec', 'liar', 'probe', 'frames', 'eth0', *lies, datagram(liar, mac(hearers), own, hearer, (), b'honest'))
    heard = eventually(lambda: (lambda text: text if 'honest' in text else '')(docker.out('exec', 'hearer', 'cat', '/tmp/heard')))
    assert TEXT.decode() not in heard and f'{own} honest' in heard, heard


@pytest.mark.parametrize('tags', WRAPS[:3], ids=IDS[:3])
def test_the_host_hears_no_guest_under_the_address_of_another(docker, three, tags):
    """Also not by the addresses that a bridge takes for itself: those frames pass no hook of the bridge."""
    ends, gateway = three
    own, liar = ends['liar']
    bridge = re.search(r'^\d+: (\S+)\s+inet ' + re.escape(gateway) + '/', subprocess.run(
        ['ip', '-o', '-4', 'addr'], capture_output=True, text=True, check=True).stdout, re.M).group(1)
    bridges = open(f'/sys/class/net/{bridge}/address').read().strip()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as host:
        host.bind(('0.0.0.0', PORT))
        host.settimeout(3)
        to_host = [mac(bridges), *(bytes.fromhex('0180c20000') + bytes([last]) for last in (0, 1, 2, 3, 14, 15))]
        lies = [datagram(liar, to, ends['victim'][0], gateway, tags) for to in to_host]
        docker('exec', 'liar', 'probe', 'frames', 'eth0', *lies, datagram(liar, mac(bridges), own, gateway, (), b'honest'))
        heard = set()
        while (own, b'honest') not in heard:
            text, (sender, _) = host.recvfrom(100)
            heard.add((sender, text))
    assert heard == {(own, b'honest')}, heard
