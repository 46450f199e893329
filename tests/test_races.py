"""Requests for one container, or one name, that meet: one of them wins, and nothing is left of the others."""
import os
import subprocess
import threading
import time

import pytest


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


def processes(word):
    return subprocess.run(['pgrep', '-f', word], capture_output=True, text=True).stdout.split()


def made(engine, name, command):
    answer = engine.post(f'/containers/create?name={name}', {'Image': 'busybox', 'Cmd': command, 'HostConfig': {'NetworkMode': 'none'}})
    assert answer.status == 201, answer.text
    assert engine.post(f'/containers/{name}/start').status == 204
    return answer.json['Id']


@pytest.mark.parametrize('rival', ['restart?t=0', 'start'])
def test_removal_by_force_leaves_no_process_of_a_start_that_meets_it(engine, eventually, rival):
    for number in range(15):
        word = f'sleep {86_000 + os.getpid() % 500 * 20 + number}'
        container = made(engine, 'meets', word.split())
        over = threading.Event()

        def again():
            while not over.is_set() and engine.post(f'/containers/{container}/{rival}').status != 404 and rival == 'start':
                pass
        rivals = [threading.Thread(target=again) for _ in range(1 if rival.startswith('restart') else 3)]
        for each in rivals:
            each.start()
        time.sleep(number % 8 / 1000)
        removed = engine.delete(f'/containers/{container}?force=1')
        over.set()
        for each in rivals:
            each.join()
        assert removed.status == 204, removed.text
        assert engine.get(f'/containers/{container}/json').status == 404
        eventually(lambda: not processes(f'^{word}$'), 5, f'{word} ended')


def test_creates_of_one_name_leave_nothing_of_those_that_lose(engine):
    def layers():
        return set(os.listdir(f'{engine.root}/data/overlay2/writable')), set(os.listdir(f'{engine.root}/data/containers'))
    before = layers()
    lost = 0
    for _ in range(15):
        answers = []
        together = [threading.Thread(target=lambda: answers.append(engine.post(
            '/containers/create?name=one', {'Image': 'busybox', 'Cmd': ['true'], 'HostConfig': {'Binds': ['of-one:/v']}}).status)) for _ in range(6)]
        for each in together:
            each.start()
        for each in together:
            each.join()
        assert sorted(answers) == [201] + [409] * 5
        lost += 5
        assert engine.delete('/containers/one?force=1').status == 204
        assert engine.delete('/volumes/of-one').status == 204
    assert layers() == before, f'of {lost} creates that were refused'
