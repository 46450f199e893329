"""Ten minutes of random work in `scripts/test full`, one in an ordinary run: what the daemon holds is bounded and comes back."""
import os
import random
import re
import subprocess
import threading
import time

from lib.engine import Client
from lib.engine import DOCKER

FULL = os.environ.get('SAMPAN_TEST_MODE') == 'full'
SECONDS = 600 if FULL else 45
WORKERS = 4


def measure(pid):
    text = open(f'/proc/{pid}/status').read()
    return {'rss': int(re.search(r'VmRSS:\s+(\d+)', text).group(1)), 'threads': int(re.search(r'Threads:\s+(\d+)', text).group(1)),
            'fds': len(os.listdir(f'/proc/{pid}/fd'))}


class Worker(threading.Thread):
    """One client that does what it likes; a wrong answer is a failure of the test."""

    def __init__(self, engine, docker, number, seed, until):
        super().__init__()
        self.engine, self.docker, self.number, self.until = engine, docker, number, until
        self.random = random.Random(seed + number)
        self.failures, self.done, self.own = [], 0, []

    def run(self):
        actions = [self.run_and_forget, self.run_and_forget, self.launch, self.launch, self.exec, self.exec, self.logs, self.remove, self.restart, self.network,
                   self.volume, self.break_off, self.wrong]
        while time.time() < self.until and len(self.failures) < 5:
            try:
                self.random.choice(actions)()
                self.done += 1
            except (AssertionError, OSError, subprocess.TimeoutExpired) as failure:
                self.failures.append(f'{type(failure).__name__}: {failure}')
        for name in self.own:
            self.docker('rm', '-f', name, check=False)

    def run_and_forget(self):
        text = str(self.random.random())
        assert self.docker.out('run', '--rm', *self.random.choice([[], ['--network', 'none'], ['-m', '32m'], ['--read-only'], ['--init']]), 'busybox', 'echo', text) == text

    def launch(self):
        if len(self.own) >= 4:
            return self.remove()
        name = f'soak-{self.number}-{self.random.randrange(1 << 30)}'
        self.docker('run', '-d', '--name', name, *self.random.choice([[], ['-p', '127.0.0.1::80'], ['-v', '/data'], ['--restart', 'on-failure:2']]), 'busybox',
                    'sh', '-c', 'trap exit TERM; while :; do echo tick; sleep 0.2 & wait; done')
        self.own.append(name)

    def pick(self):
        return self.random.choice(self.own) if self.own else None

    def exec(self):
        name = self.pick()
        if name:
            assert self.docker('exec', '-i', name, 'cat', input='through\n').out == 'through\n'

    def logs(self):
        name = self.pick()
        if name:
            assert set(self.docker.out('logs', '--tail', '5', name).split()) <= {'tick'}

    def remove(self):
        name = self.pick()
        if name:
            self.own.remove(name)
            self.docker('rm', '-f', '-v', name)

    def restart(self):
        name = self.pick()
        if name:
            self.docker('restart', '-t', '2', name)

    def network(self):
        name = f'soaknet-{self.number}'
        self.docker('network', 'create', name)
        try:
            assert self.docker.out('run', '--rm', '--network', name, '--name', f'n{name}', 'busybox', 'sh', '-c', 'nslookup $(hostname) >/dev/null 2>&1; echo ok') == 'ok'
        finally:
            self.docker('network', 'rm', name)

    def volume(self):
        name = f'soakvol-{self.number}'
        self.docker('run', '--rm', '-v', f'{name}:/v', 'busybox', 'sh', '-c', 'echo kept > /v/f')
        assert self.docker.out('run', '--rm', '-v', f'{name}:/v', 'busybox', 'cat', '/v/f') == 'kept'
        self.docker('volume', 'rm', name)

    def break_off(self):
        """Clients that die in the middle: of a follow, of events, of an attach."""
        name = self.pick()
        words = self.random.choice([['logs', '-f', name], ['events'], ['stats'], ['attach', '--sig-proxy=false', name], ['exec', name, 'sleep', '3']])
        if None in words:
            return
        process = self.docker.popen(*words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.random.random() / 2)
        process.kill()
        process.wait()

    def wrong(self):
        assert self.docker('run', '--rm', 'busybox', '/nonexistent', check=False).code == 127
        assert self.docker('inspect', 'nosuch', check=False).code == 1


def test_random_work_leaves_the_daemon_as_it_was(engine, busybox):
    seed = int(os.environ.get('SAMPAN_SOAK_SEED') or random.randrange(1 << 30))
    docker = Client('docker', DOCKER, engine.host)
    pid = engine.process.pid
    docker('run', '--rm', 'busybox', 'true')
    calm = measure(pid)
    workers = [Worker(engine, docker, number, seed, time.time() + SECONDS) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    peak = dict(calm)
    samples = []
    while any(worker.is_alive() for worker in workers):
        now = measure(pid)
        peak = {key: max(peak[key], now[key]) for key in peak}
        samples.append(now['rss'])
        time.sleep(0.5)
    done = sum(worker.done for worker in workers)
    failures = [failure for worker in workers for failure in worker.failures]
    assert not failures, f'seed {seed}:\n' + '\n'.join(failures)
    print(f'{done} actions, peak {peak}, seed {seed}')
    assert done > SECONDS / 5
    assert peak['rss'] < 150_000 and peak['threads'] < 150 and peak['fds'] < 600, peak
    # The second half needs no more than the first: what grows by the hour would show here.
    if FULL:
        half = len(samples) // 2
        assert max(samples[half:]) < max(samples[:half]) * 1.3 + 8_000, (max(samples[:half]), max(samples[half:]))
    # Idle again: threads and descriptors are back, and memory after the daemon's own trim.
    deadline = time.time() + 45
    while True:
        now = measure(pid)
        if now['fds'] <= calm['fds'] + 10 and now['threads'] <= calm['threads'] + 20 and now['rss'] < calm['rss'] + 25_000:
            break
        assert time.time() < deadline, f'{now} after the work, {calm} before, seed {seed}'
        time.sleep(0.5)
    assert engine.get('/containers/json?all=1').json == []
    docker.close()
