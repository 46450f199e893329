"""kill -9 of the daemon: containers run on, nothing that was acknowledged is lost, half-made things are gone.

The rounds are drawn from SAMPAN_SEED, which is printed; SAMPAN_SEED=… SAMPAN_ROUND=… repeats one of them."""
import os
import random
import subprocess
import time

import pytest

from lib import deathround, images, own
from lib.deathround import Round
from lib.engine import Engine

FULL = os.environ.get('SAMPAN_TEST_MODE') == 'full'
SEED = int(os.environ.get('SAMPAN_SEED') or random.randrange(1 << 30))
DELAYS, PAIRS = (150, 50) if FULL else (10, 30)


@pytest.fixture(scope='module')
def engine(nothing_left):
    """With a pool of its own: the actors make more networks than the default ones have room for."""
    engine = Engine(['--default-address-pool', f'base=10.{150 + os.getpid() % 50}.0.0/16,size=26'])
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


def state(engine, name):
    return engine.get(f'/containers/{name}/json').json['State']


def test_running_container_survives_with_its_log_and_serves_again(engine, docker, eventually):
    docker('run', '-d', '--name', 'steady', 'busybox', 'sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); sleep 0.002; done; sleep 1000')
    try:
        pid = state(engine, 'steady')['Pid']
        for _ in range(3):
            time.sleep(0.5)
            engine.kill9()
            time.sleep(0.5)
            engine.start()
        now = state(engine, 'steady')
        assert now['Running'] and now['Pid'] == pid, now
        assert docker.out('exec', 'steady', 'echo', 'again') == 'again'
        eventually(lambda: docker.out('logs', '--tail', '1', 'steady') == '2999', 30)
        assert docker.out('logs', 'steady').split() == [str(i) for i in range(3000)]
    finally:
        docker('rm', '-f', 'steady')


def test_exit_code_and_oom_of_one_that_ended_meanwhile(engine, docker):
    docker('run', '-d', '--name', 'ends', 'busybox', 'sh', '-c', 'sleep 1; exit 42')
    docker('run', '-d', '--name', 'ooms', '-m', '16m', '--memory-swap', '16m', 'busybox', 'sh', '-c',
           'sleep 1; x=a; while true; do x=$x$x; done')
    try:
        engine.kill9()
        time.sleep(2.5)
        engine.start()
        assert (state(engine, 'ends')['Status'], state(engine, 'ends')['ExitCode']) == ('exited', 42)
        assert state(engine, 'ooms')['OOMKilled'] is True and state(engine, 'ooms')['ExitCode'] == 137
    finally:
        docker('rm', '-f', 'ends', 'ooms')


def test_names_and_ports_work_again_after_death(engine, docker, eventually):
    docker('network', 'create', 'deadnet')
    docker('run', '-d', '--name', 'dweb', '--network', 'deadnet', '-p', '127.0.0.1:18888:80', 'busybox', 'httpd', '-f', '-h', '/etc')
    try:
        engine.kill9()
        assert subprocess.run(['curl', '-sf', '--max-time', '3', 'http://127.0.0.1:18888/passwd'], capture_output=True).returncode == 0
        engine.start()
        assert docker.out('run', '--rm', '--network', 'deadnet', 'busybox', 'wget', '-qO-', 'http://dweb/passwd').startswith('root')
        assert docker.out('port', 'dweb', '80') == '127.0.0.1:18888'
    finally:
        docker('rm', '-f', 'dweb')
        docker('network', 'rm', 'deadnet')


def test_restart_policy_holds_across_death(engine, docker, eventually):
    docker('run', '-d', '--name', 'keeps', '--restart', 'always', 'busybox', 'sleep', '1')
    try:
        engine.kill9()
        time.sleep(1.5)
        engine.start()
        eventually(lambda: state(engine, 'keeps')['Running'], 10)
    finally:
        docker('rm', '-f', 'keeps')


# The numbered steps of docs/ARCHITECTURE.md, "One `run` on a bridge". Each has fault points, and each of these the operation
# that passes it.
STEPS = {
    1: {'content.verified': 'pull', 'content.published': 'pull', 'files.unpack': 'pull', 'snapshot.commit': 'pull', 'image.commit': 'pull'},
    2: {'volume.create.recorded': 'create', 'snapshot.writable.made': 'create', 'create.record': 'create', 'create.answer': 'create'},
    3: {'attach.waiting': 'run_and_remove', 'wait.waiting': 'run_and_remove'},
    4: {'start.network': 'begin', 'sandbox.pinned': 'begin', 'network.plugged': 'begin', 'network.walled': 'begin', 'start.rootfs': 'begin'},
    5: {'start.spec': 'begin', 'start.task': 'begin', 'task.spawned': 'begin', 'task.cgroup': 'begin', 'task.go': 'begin'},
    6: {'task.started': 'begin', 'start.record': 'begin'},
    7: {'exit.release': 'run_and_remove', 'exit.record': 'kill', 'exit.answer': 'stop', 'remove.record': 'remove', 'remove.files': 'run_and_remove',
        'task.forget': 'kill'},
    8: {'network.left': 'run_and_remove', 'network.reap': 'run_and_remove', 'sandbox.released': 'run_and_remove'},
    9: {'restore.networks': None, 'restore.walled': None, 'restore.tasks': None, 'restore.container': None, 'restore.sweep': None,
        'restore.swept': None},
}
# Beside the numbered steps: the store, and what is done to containers, networks and volumes that are there.
OTHERS = {'store.begin': 'begin', 'store.before-commit': 'create', 'store.committed': 'create', 'task.exec': 'exec', 'pause.frozen': 'pause',
          'unpause.thawed': 'pause', 'rename.recorded': 'rename', 'stop.recorded': 'stop', 'connect.plugged': 'network_connect',
          'disconnect.recorded': 'network_connect', 'disconnect.cut': 'network_connect', 'bridge.made': 'network_create', 'network.create.raised': 'network_create',
          'network.remove.recorded': 'network_remove', 'volume.create.made': 'volume_create', 'volume.remove.renamed': 'volume_remove',
          'volume.remove.recorded': 'volume_remove', 'volume.mount.attached': 'begin', 'snapshot.writable.aside': 'remove',
          'content.write': 'import_image', 'snapshot.committed': 'import_image', 'snapshot.layer.unrecorded': 'pull'}
ALL = {point: operation for step in (*STEPS.values(), OTHERS) for point, operation in step.items()}


def plan():
    """The rounds: (number, point or None, hit, the favoured operation). Every numbered step comes first."""
    draw = random.Random(SEED)
    pairs = [draw.choice(list(points)) for points in STEPS.values()]
    if not FULL:
        pairs += [draw.choice([p for p in points if p not in pairs]) for points in STEPS.values() if len(points) > 1]
    rest = [point for point in ALL if point not in pairs]
    draw.shuffle(rest)
    pairs = (pairs + rest)[:PAIRS]
    rounds = [(point, draw.randint(1, 4), ALL[point]) for point in pairs] + [(None, 0, None)] * DELAYS
    return [(number, *one) for number, one in enumerate(rounds)]


ROUNDS = [one for one in plan() if os.environ.get('SAMPAN_ROUND') in (None, '', str(one[0]))]


@pytest.fixture(scope='module')
def small(engine, docker, registry, busybox):
    """An image in a registry, for the pulls: of a layer that busybox does not have."""
    docker('import', images.small_tar(), f'{registry}/small:a0')
    tags = [f'{registry}/small:{tag}' for tag in ('a0', 'a1', 'a2')]
    for tag in tags:
        docker('tag', tags[0], tag)
        docker('push', tag)
    docker('rmi', *tags)
    return registry, own.snapshot(engine)


@pytest.mark.parametrize('number,point,hit,favour', ROUNDS, ids=lambda value: str(value))
def test_death_loses_nothing_and_leaves_nothing(engine, docker, small, number, point, hit, favour):
    print(f'SAMPAN_SEED={SEED} SAMPAN_ROUND={number}')
    registry, clean = small
    one = Round(engine, docker, f'{SEED}-{number}', images.small_tar(), registry, clean)
    try:
        one.steady()
        if point is None:
            one.die_after(one.draw.uniform(0, 1.0))
            one.come_back(deaths=one.draw.choice([0, 0, 0, 1, 2]))
        elif favour is None:
            one.die_after(one.draw.uniform(0, 0.5))
            one.come_back(points=[point])
        else:
            must = hit == 1 and point not in OTHERS
            assert one.die_at(point, hit, favour) or not must, f'{point} was never reached: {[a.error for a in one.actors]}'
            one.come_back()
        one.finish()
    except BaseException:
        print('\n'.join(one.notes))
        print(engine.log(40))
        deathround.clean_up(engine)
        raise
