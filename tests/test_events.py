"""Events: every action of containers, images, networks and volumes, in order, with its attributes; filters; streaming."""
import json
import time

import pytest


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


class Window:
    """What was told between two moments."""
    def __init__(self, client):
        self.client, self.begun = client, time.time()

    def events(self, *filters):
        words = [word for item in filters for word in ('--filter', item)]
        out = self.client.out('events', '--since', f'{self.begun:.9f}', '--until', f'{time.time() + 0.01:.9f}', '--format', '{{json .}}', *words)
        return [json.loads(line) for line in out.splitlines()]

    def actions(self, *filters):
        return [event['Action'].split(':')[0] for event in self.events(*filters)]


@pytest.mark.smoke
def test_life_of_a_container_in_order(cli):
    window = Window(cli)
    cli('create', '--name', 'tale', '--label', 'who=me', 'busybox', 'sleep', '1000')
    for words in [('start', 'tale'), ('pause', 'tale'), ('unpause', 'tale'), ('exec', 'tale', 'true'), ('top', 'tale'), ('rename', 'tale', 'story'),
                  ('update', '--cpu-shares', '100', 'story'), ('kill', '-s', 'CONT', 'story'), ('restart', '-t', '0', 'story'), ('stop', '-t', '0', 'story'),
                  ('rm', 'story')]:
        cli(*words)
    told = window.events('type=container')
    actions = [event['Action'].split(':')[0] for event in told]
    # A stop without patience sends one signal or two.
    steps = [action for action in actions if action not in ('top', 'resize', 'attach')]
    steps = [action for number, action in enumerate(steps) if action != 'kill' or steps[number - 1] != 'kill']
    assert steps == ['create', 'start', 'pause', 'unpause', 'exec_create', 'exec_start', 'exec_die', 'rename', 'update', 'kill', 'die', 'stop', 'start',
                     'restart', 'kill', 'die', 'stop', 'destroy'], actions
    assert 'top' in actions
    for event in told:
        attributes = event['Actor']['Attributes']
        assert event['Type'] == 'container' and attributes['image'] == 'busybox' and attributes['who'] == 'me' and len(event['Actor']['ID']) == 64
        assert event['time'] == event['timeNano'] // 10 ** 9 and event['scope'] == 'local'
    by = {event['Action'].split(':')[0]: event['Actor']['Attributes'] for event in told}
    assert by['die']['exitCode'] == '137' and 'execDuration' in by['die'] and by['exec_die']['exitCode'] == '0'
    assert by['rename']['oldName'] == '/tale' and by['rename']['name'] == 'story' and by['kill']['signal'] in ('9', '15')
    assert [event['timeNano'] for event in told] == sorted(event['timeNano'] for event in told)


def test_oom_and_attach_are_told(docker):
    window = Window(docker)
    docker('run', '--name', 'fat', '-m', '16m', '--memory-swap', '16m', 'busybox', 'sh', '-c', 'x=a; while true; do x=$x$x; done', check=False)
    actions = window.actions('container=fat')
    assert 'attach' in actions and 'oom' in actions and actions.index('oom') < actions.index('die')


def test_images_networks_and_volumes(docker):
    window = Window(docker)
    docker('tag', 'busybox', 'other:1')
    docker('rmi', 'other:1')
    docker('network', 'create', 'net1')
    docker('volume', 'create', 'vol1')
    docker('run', '--rm', '--network', 'net1', '-v', 'vol1:/v:ro', 'busybox', 'true')
    docker('volume', 'rm', 'vol1')
    docker('network', 'rm', 'net1')
    assert window.actions('type=image') == ['tag', 'untag']
    assert window.actions('type=network') == ['create', 'connect', 'disconnect', 'destroy']
    assert window.actions('type=volume') == ['create', 'mount', 'unmount', 'destroy']
    network = window.events('type=network')
    assert network[0]['Actor']['Attributes'] == {'name': 'net1', 'type': 'bridge'} and len(network[1]['Actor']['Attributes']['container']) == 64
    mount = window.events('type=volume')[1]['Actor']
    assert mount['ID'] == 'vol1' and mount['Attributes']['destination'] == '/v' and mount['Attributes']['read/write'] == 'false'
    assert mount['Attributes']['driver'] == 'local' and len(mount['Attributes']['container']) == 64
    window = Window(docker)
    docker('container', 'prune', '-f')
    docker('volume', 'prune', '-f')
    docker('network', 'prune', '-f')
    docker('image', 'prune', '-f')
    assert {(event['Type'], event['Action']) for event in window.events()} >= {(kind, 'prune') for kind in ('container', 'volume', 'network', 'image')}


def test_filters_join_and_exclude(docker):
    window = Window(docker)
    for name, label in [('one', 'k=1'), ('two', 'k=2')]:
        docker('run', '--rm', '--name', name, '-l', label, 'busybox', 'true')
    assert window.actions('container=one', 'event=create', 'event=destroy') == ['create', 'destroy']
    assert {event['Actor']['Attributes']['name'] for event in window.events('label=k=2')} == {'two'}
    assert window.actions('image=busybox', 'event=die') == ['die', 'die'] and window.actions('type=volume') == []
    assert {event['Type'] for event in window.events('network=bridge')} == {'network'}
    assert window.actions('scope=local', 'event=start') == ['start', 'start']
    assert docker('events', '--until', '1s', '--since', 'nonsense', check=False).code == 1


def test_a_stream_tells_as_it_happens(docker, eventually):
    import subprocess
    process = docker.popen('events', '--filter', 'type=container', '--format', '{{.Action}}', stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.3)    # the client has no way to say that it listens
        docker('run', '--rm', 'busybox', 'true')
        seen = [process.stdout.readline().strip() for _ in range(4)]
        assert seen[0] == 'create' and 'start' in seen
    finally:
        process.kill()
        process.wait()
