"""kill -9 of the daemon: containers run on, nothing that was acknowledged is lost, half-made things are gone."""
import json
import os
import random
import subprocess
import time

import pytest

from lib.engine import Client, DOCKER

ROUNDS = 200 if os.environ.get('SAMPAN_TEST_MODE') == 'full' else 20
SEED = int(os.environ.get('SAMPAN_SEED', random.randrange(1 << 30)))


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


def test_death_at_any_moment_loses_nothing_acknowledged(engine, eventually):
    """A script runs while the daemon is killed after a drawn delay; what was answered is compared with what is there."""
    draw = random.Random(SEED)
    print(f'SAMPAN_SEED={SEED}')
    client = Client('docker-debian', DOCKER, engine.host)
    kept = {}
    try:
        for number in range(ROUNDS):
            name = f'd{number}'
            delay = draw.uniform(0, 0.15)
            process = client.popen('run', '-d', '--name', name, 'busybox', 'sleep', '1000', stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            time.sleep(delay)
            engine.kill9()
            out, _ = process.communicate(timeout=20)
            engine.start()
            acknowledged = process.returncode == 0
            there = {c['Names'][0][1:]: c for c in engine.get('/containers/json?all=1').json}
            if acknowledged:
                kept[name] = out.strip()
            for known, id in kept.items():
                assert known in there and there[known]['Id'] == id, f'round {number}, delay {delay}: {known} is gone'
                assert there[known]['State'] == 'running', f'round {number}, delay {delay}: {known} is {there[known]["State"]}'
            for extra in set(there) - set(kept):
                assert engine.delete(f'/containers/{extra}?force=1').status == 204
            if len(kept) > 4:
                oldest = next(iter(kept))
                assert engine.delete(f'/containers/{oldest}?force=1').status == 204
                del kept[oldest]
    finally:
        for name in kept:
            engine.delete(f'/containers/{name}?force=1')
        client.close()


# Every numbered step of docs/ARCHITECTURE.md that has a fault point in the daemon.
POINTS = ['create.record', 'create.answer', 'start.network', 'start.rootfs', 'start.spec', 'start.task', 'start.record',
          'exit.release', 'exit.record', 'exit.answer', 'remove.record', 'remove.files', 'image.commit']


@pytest.mark.parametrize('point', POINTS)
def test_death_at_a_fault_point_leaves_a_named_state(engine, docker, point, busybox):
    engine.restart(faults=f'{point}:1:kill')
    if point == 'image.commit':
        with open('/etc/hostname', 'rb'):
            docker('import', '/var/cache/sampan-tests/busybox-2.tar', 'again:1', check=False)
    else:
        docker('run', '-d', '--name', 'fp', 'busybox', 'true', check=False)
        docker('wait', 'fp', check=False)
        docker('rm', '-f', 'fp', check=False)
    assert engine.process.wait(10) == -9, f'{point} was never reached'
    engine.start()
    found = engine.get('/containers/fp/json')
    assert found.status in (200, 404)
    if found.status == 200:
        assert found.json['State']['Status'] in ('created', 'running', 'exited')
        time.sleep(0.3)
        assert engine.delete('/containers/fp?force=1').status == 204
    docker('run', '--rm', 'busybox', 'true')
    docker('rmi', '-f', 'again:1', check=False)
