"""`run`, `exec`, `attach` and `start` at a terminal, with every command line on this host: what a person at a keyboard sees."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pytest


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


class Terminal:
    """A command line whose three streams are one terminal."""

    def __init__(self, cli, *args, rows=30, columns=100):
        self.seen = b''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            self.set_size(0, rows, columns)    # before the command line can look
            os.execve(cli.program, [cli.program, *args], cli.env())

    @staticmethod
    def set_size(fd, rows, columns):
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.set_size(self.fd, rows, columns)
        os.kill(self.pid, signal.SIGWINCH)

    def send(self, data):
        os.write(self.fd, data)

    def expect(self, words, seconds=20):
        """Waits until the words have been seen and forgets all up to them."""
        deadline = time.monotonic() + seconds
        while words not in self.seen:
            assert self.more(deadline), f'{words!r} did not come: {self.seen!r}'
        self.seen = self.seen[self.seen.index(words) + len(words):]

    def more(self, deadline):
        if not select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def raw(self):
        return not termios.tcgetattr(self.fd)[3] & termios.ICANON

    def end(self, seconds=20):
        deadline = time.monotonic() + seconds
        while self.more(deadline):
            pass
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                os.close(self.fd)
                pytest.fail(f'it did not end: {self.seen!r}')
            time.sleep(0.02)


def test_raw_mode_resize_and_exit_code(cli, eventually):
    terminal = Terminal(cli, 'run', '--rm', '-it', 'busybox', 'sh')
    terminal.expect(b'# ')
    assert terminal.raw()
    terminal.send(b'stty size\n')
    terminal.expect(b'30 100')
    terminal.resize(41, 123)
    terminal.send(b'until test "$(stty size)" = "41 123"; do sleep 0.1; done; echo res""ized\n')
    terminal.expect(b'resized')
    terminal.send(b'exit 3\n')
    assert terminal.end() == 3


def test_interrupt_reaches_the_process(cli):
    terminal = Terminal(cli, 'run', '--rm', '-it', 'busybox', 'sh', '-c', 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done')
    terminal.expect(b'ready')
    terminal.send(b'\x03')
    terminal.expect(b'caught')
    assert terminal.end() == 9


@pytest.mark.parametrize('flags, keys', [((), b'\x10\x11'), (('--detach-keys', 'ctrl-a,a'), b'\x01a'), (('--detach-keys', 'x,y'), b'xy')])
def test_detach_attach_and_leave(cli, flags, keys):
    terminal = Terminal(cli, 'run', '--name', 'kept', *flags, '-it', 'busybox', 'sh')
    try:
        terminal.expect(b'# ')
        terminal.send(keys)
        assert terminal.end() == 0
        assert cli.out('inspect', '-f', '{{.State.Running}}', 'kept') == 'true'
        terminal = Terminal(cli, 'attach', *flags, 'kept')
        terminal.send(b'echo b""ack\n')
        terminal.expect(b'back')
        terminal.send(keys)
        terminal.end()
        assert cli.out('inspect', '-f', '{{.State.Running}}', 'kept') == 'true'
        terminal = Terminal(cli, 'attach', 'kept')
        terminal.send(b'exit 5\n')
        assert terminal.end() == 5
        terminal = Terminal(cli, 'start', '-ai', 'kept')
        terminal.expect(b'# ')
        terminal.send(b'exit 4\n')
        assert terminal.end() == 4
    finally:
        cli('rm', '-f', 'kept', check=False)


def test_detach_keys_of_the_configuration(cli):
    with open(cli.config + '/config.json', 'w') as file:
        file.write('{"detachKeys": "ctrl-e,e", "psFormat": "{{.Names}} is here"}')
    terminal = Terminal(cli, 'run', '--name', 'kept', '-it', 'busybox', 'sh')
    try:
        terminal.expect(b'# ')
        terminal.send(b'\x05e')
        assert terminal.end() == 0
        assert cli.out('ps') == 'kept is here'
    finally:
        cli('rm', '-f', 'kept', check=False)
        os.unlink(cli.config + '/config.json')


def test_exec_at_a_terminal(cli):
    cli('run', '-d', '--name', 'deck', 'busybox', 'sleep', '1000')
    try:
        terminal = Terminal(cli, 'exec', '-it', '-e', 'A=salt', '-w', '/tmp', '-u', 'nobody', 'deck', 'sh')
        terminal.expect(b'$ ')
        terminal.send(b'echo $A $(pwd) $(id -u)\n')
        terminal.expect(b'salt /tmp 65534')
        # The older client tells its size in a request of its own, beside the prompt.
        terminal.send(b'until test "$(stty size)" = "30 100"; do sleep 0.1; done; echo si""zed\n')
        terminal.expect(b'sized')
        terminal.send(b'exit 6\n')
        assert terminal.end() == 6
        terminal = Terminal(cli, 'exec', '-it', 'deck', 'sh')
        terminal.expect(b'# ')
        terminal.send(b'\x10\x11')
        terminal.end()
        assert cli.out('exec', '-d', 'deck', 'touch', '/tmp/made') == ''
        assert cli('exec', '-i', 'deck', 'cat', input='fed').out == 'fed'
    finally:
        cli('rm', '-f', 'deck', check=False)


@pytest.mark.parametrize('proxy', [True, False])
def test_signals_are_forwarded_or_not(cli, proxy, eventually):
    script = 'trap "echo got; exit 8" TERM; echo ready; while :; do sleep 0.1; done'
    process = cli.popen('run', '--rm', '--name', 'mate', f'--sig-proxy={str(proxy).lower()}', 'busybox', 'sh', '-c', script, stdout=-1)
    try:
        assert process.stdout.readline() == b'ready\n'
        process.send_signal(signal.SIGTERM)
        if proxy:
            assert process.stdout.read() == b'got\n' and process.wait(20) == 8
        else:
            time.sleep(0.5)
            assert cli.out('inspect', '-f', '{{.State.Running}}', 'mate') == 'true'
    finally:
        cli('rm', '-f', 'mate', check=False)
        process.stdout.close()
        process.wait(20)


def test_progress_of_a_load_is_drawn(cli, tmp_path):
    cli('save', '-o', tmp_path / 'image.tar', 'busybox')
    terminal = Terminal(cli, 'load', '-i', str(tmp_path / 'image.tar'))
    assert terminal.end() == 0
    assert b'Loaded image: busybox:latest' in terminal.seen
