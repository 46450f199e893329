"""The short list: every command line on this host does it, against one engine."""
import json
import os
import subprocess
import time
import urllib.request

import pytest

pytestmark = pytest.mark.smoke


@pytest.fixture(autouse=True)
def image(busybox):
    return busybox


def test_version_names_both_sides(cli):
    assert cli.out('version', '--format', '{{.Server.APIVersion}}') == '1.51'


def test_run_prints_and_removes(cli):
    assert cli.out('run', '--rm', 'busybox', 'echo', 'hello') == 'hello'
    assert cli.out('ps', '-aq') == ''


def test_exit_codes_are_those_of_docker(cli):
    assert cli('run', '--rm', 'busybox', 'sh', '-c', 'exit 7', check=False).code == 7
    inner = 'sh -c "kill -9 \\$\\$"; exit $?'
    assert cli("run", "--rm", "busybox", "sh", "-c", inner, check=False).code == 137
    missing = cli('run', '--rm', 'busybox', 'nosuch', check=False)
    assert missing.code == 127 and 'executable file not found in $PATH' in missing.err, missing
    denied = cli('run', '--rm', 'busybox', '/etc/passwd', check=False)
    assert denied.code == 126 and 'permission denied' in denied.err, denied
    assert cli('run', '--nosuch', 'busybox', check=False).code == 125
    assert cli('run', '--rm', '127.0.0.1:1/nothing', check=False).code == 125
    assert cli.out('ps', '-aq') == ''


def test_stdin_and_streams(cli):
    result = cli('run', '-i', '--rm', 'busybox', 'sh', '-c', 'cat; echo oops >&2', input='ahoy\n')
    assert (result.out, result.err) == ('ahoy\n', 'oops\n')


def test_life_of_a_container(cli, eventually):
    id = cli.out('run', '-d', '--name', 'life', 'busybox', 'sh', '-c', 'echo begun; sleep 1000')
    try:
        assert len(id) == 64
        eventually(lambda: cli.out('logs', 'life') == 'begun')
        assert cli.out('exec', 'life', 'sh', '-c', 'echo $HOSTNAME') == id[:12]
        assert cli('exec', 'life', 'false', check=False).code == 1
        assert cli.out('inspect', '--format', '{{.State.Status}} {{.Config.Image}}', 'life') == 'running busybox'
        assert cli.out('ps', '--format', '{{.Names}} {{.State}}') == 'life running'
        cli('pause', 'life')
        assert '(Paused)' in cli.out('ps', '--format', '{{.Status}}')
        cli('unpause', 'life')
        assert 'sleep 1000' in cli.out('top', 'life')
        cli('rename', 'life', 'life2')
        cli('stop', '-t', '1', 'life2')
        assert cli.out('wait', 'life2') == '137'
        cli('start', 'life2')
        cli('restart', '-t', '0', 'life2')
        cli('kill', 'life2')
        eventually(lambda: cli.out('inspect', '--format', '{{.State.Running}}', 'life2') == 'false')
    finally:
        cli('rm', '-f', 'life', 'life2', check=False)
    assert cli.out('ps', '-aq') == ''


def test_publish_and_names_on_a_network(cli, eventually):
    cli('network', 'create', 'net1')
    try:
        cli('run', '-d', '--name', 'web', '--network', 'net1', '--network-alias', 'www', '-p', '127.0.0.1::80', 'busybox',
            'httpd', '-f', '-h', '/etc')
        port = cli.out('port', 'web', '80').splitlines()[0]
        assert eventually(lambda: fetch(f'http://{port}/passwd'), what='the published port').startswith('root:')
        for name in ('web', 'www'):
            assert cli.out('run', '--rm', '--network', 'net1', 'busybox', 'wget', '-qO-', f'http://{name}/passwd').startswith('root:')
    finally:
        cli('rm', '-f', 'web', check=False)
        cli('network', 'rm', 'net1')


def fetch(url):
    try:
        return urllib.request.urlopen(url, timeout=2).read().decode()
    except OSError:
        return ''


def test_volumes_keep_what_is_written(cli):
    cli('volume', 'create', 'vol1')
    try:
        cli('run', '--rm', '-v', 'vol1:/data', 'busybox', 'sh', '-c', 'echo kept > /data/f')
        assert cli.out('run', '--rm', '-v', 'vol1:/data:ro', 'busybox', 'cat', '/data/f') == 'kept'
        assert cli('run', '--rm', '-v', 'vol1:/data:ro', 'busybox', 'touch', '/data/g', check=False).code == 1
    finally:
        cli('volume', 'rm', 'vol1')


def test_images_are_tagged_listed_and_removed(cli):
    cli('tag', 'busybox', 'other/name:v1')
    assert 'other/name' in cli.out('images', '--format', '{{.Repository}}')
    assert json.loads(cli.out('image', 'inspect', 'other/name:v1'))[0]['RepoTags'] == ['busybox:latest', 'other/name:v1']
    assert cli.out('rmi', 'other/name:v1') == 'Untagged: other/name:v1'


def test_push_and_pull_through_a_registry(cli, registry):
    name = f'{registry}/team/busybox:1'
    cli('tag', 'busybox', name)
    cli('push', '-q', name)
    cli('rmi', name)
    assert name in cli.out('pull', '-q', name)
    assert cli.out('run', '--rm', name, 'echo', 'pulled') == 'pulled'
    cli('rmi', name)


def test_terminal_has_its_size_and_raw_bytes(cli):
    import pty
    import select
    main, other = pty.openpty()
    import fcntl
    import struct
    import termios
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 101, 0, 0))
    process = cli.popen('run', '-it', '--rm', 'busybox', 'sh', '-c', 'sleep 0.3; stty size; exit 5', stdin=other, stdout=other, stderr=other)
    os.close(other)
    text = b''
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.2)[0]:
            try:
                data = os.read(main, 4096)
            except OSError:
                break
            if not data:
                break
            text += data
        elif process.poll() is not None:
            break
    assert process.wait(10) == 5
    assert b'33 101' in text, text
    os.close(main)


def test_daemon_that_is_absent_is_named(cli):
    result = subprocess.run([cli.program, '-H', 'unix:///run/no-such.sock', 'ps'], capture_output=True, text=True)
    assert result.returncode == 1
    assert 'Cannot connect to the Docker daemon at unix:///run/no-such.sock. Is the docker daemon running?' in result.stderr
