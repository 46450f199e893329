"""Volumes, binds, tmpfs: every form of -v and --mount, the volume commands, their filters and prune."""
import json
import os
import subprocess

import pytest

from conftest import import_image
from lib import images


@pytest.fixture(autouse=True)
def image(busybox, clean):
    return busybox


@pytest.fixture(scope='module')
def filled(engine, busybox, tmp_path_factory):
    """An image with a VOLUME that has contents, owners, modes and a link in it."""
    import tarfile
    path = tmp_path_factory.mktemp('image') / 'filled.tar'
    with tarfile.open(images.busybox_tar()) as base, tarfile.open(path, 'w') as tar:
        for member in base:
            tar.addfile(member, base.extractfile(member) if member.isfile() else None)
        images.add_dir(tar, 'data', 0o2750, 1000, 29)
        images.add_file(tar, 'data/f', b'from the image', 0o640, 1000, 1000)
        images.add_dir(tar, 'data/sub', 0o700)
        images.add_file(tar, 'data/sub/g', b'deeper')
        images.add_link(tar, 'data/link', 'f')
    import_image(engine, path, 'filled:latest', ['VOLUME /data', 'CMD ["sh"]'])
    return 'filled'


# ---- binds

def test_bind_is_made_when_missing_with_v_only(docker, tmp_path):
    docker.sh('echo x > /m/f', '-v', f'{tmp_path}/new/deep:/m')
    assert (tmp_path / 'new/deep/f').read_text() == 'x\n'
    missing = docker.sh('true', '--mount', f'type=bind,src={tmp_path}/none,dst=/m', check=False)
    assert missing.code == 125 and 'bind source path does not exist' in missing.err
    assert not (tmp_path / 'none').exists()
    assert docker.sh('true', '-v', 'relative/path:/m', check=False).code == 125
    assert docker.sh('true', '-v', f'{tmp_path}:/', check=False).code == 125


def test_bind_of_a_file_and_what_does_not_fit(docker, tmp_path):
    (tmp_path / 'f').write_text('one file')
    assert docker.sh('cat /etc/motd', '-v', f'{tmp_path}/f:/etc/motd').out == 'one file'
    wrong = docker.sh('true', '-v', f'{tmp_path}/f:/etc', check=False)
    assert wrong.code == 125 and 'directory onto a file' in wrong.err, wrong


def test_bind_read_only_reaches_mounts_below(docker, tmp_path):
    below = tmp_path / 'below'
    below.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', str(below)], check=True)
    try:
        assert docker.sh('touch /m/below/x', '-v', f'{tmp_path}:/m').code == 0
        result = docker.sh('touch /m/below/y', '--mount', f'type=bind,src={tmp_path},dst=/m,readonly,bind-nonrecursive', check=False)
        assert result.code == 1    # an empty directory, read-only
        assert docker.sh('ls /m/below', '--mount', f'type=bind,src={tmp_path},dst=/m,bind-nonrecursive').out == ''
        assert docker.sh('touch /m/x', '--mount', f'type=bind,src={tmp_path},dst=/m,readonly', check=False).code == 1
    finally:
        subprocess.run(['umount', str(below)], check=True)


@pytest.mark.parametrize('mode,seen', [('rslave', True), ('rprivate', False)])
def test_bind_propagation(docker, tmp_path, mode, seen):
    subprocess.run(['mount', '--bind', str(tmp_path), str(tmp_path)], check=True)
    subprocess.run(['mount', '--make-shared', str(tmp_path)], check=True)
    (tmp_path / 'late').mkdir()
    try:
        docker('run', '-d', '--name', 'prop', '-v', f'{tmp_path}:/m:{mode}', 'busybox', 'sleep', '100')
        assert docker.inspect('prop')['Mounts'][0]['Propagation'] == mode
        subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', str(tmp_path / 'late')], check=True)
        (tmp_path / 'late/f').write_text('')
        assert (docker.out('exec', 'prop', 'ls', '/m/late') == 'f') == seen
        docker('rm', '-f', 'prop')
    finally:
        subprocess.run(['umount', '-R', str(tmp_path)], check=True)


def test_bind_propagation_that_the_source_cannot_give_is_refused(docker, tmp_path):
    subprocess.run(['mount', '--bind', str(tmp_path), str(tmp_path)], check=True)
    subprocess.run(['mount', '--make-private', str(tmp_path)], check=True)
    (tmp_path / 'd').mkdir()
    try:
        for mode, words in [('rshared', 'shared'), ('shared', 'shared'), ('rslave', 'shared or slave'), ('slave', 'shared or slave')]:
            result = docker.sh('true', '-v', f'{tmp_path}/d:/m:{mode}', check=False)
            assert result.code == 125 and f'path {tmp_path}/d is mounted on {tmp_path} but it is not a {words} mount' in result.err, result
        assert docker.sh('true', '-v', f'{tmp_path}/d:/m:rprivate').code == 0
        subprocess.run(['mount', '--make-shared', str(tmp_path)], check=True)
        for mode in ('rshared', 'rslave'):
            assert docker.sh('true', '-v', f'{tmp_path}/d:/m:{mode}').code == 0
    finally:
        subprocess.run(['umount', '-R', str(tmp_path)], check=True)


def test_bind_shared_shows_the_host_what_is_mounted_inside(docker, tmp_path):
    subprocess.run(['mount', '--bind', str(tmp_path), str(tmp_path)], check=True)
    subprocess.run(['mount', '--make-shared', str(tmp_path)], check=True)
    (tmp_path / 'd').mkdir()
    try:
        docker.sh('mount -t tmpfs tmpfs /m/d && touch /m/d/f', '--privileged', '--mount', f'type=bind,src={tmp_path},dst=/m,bind-propagation=rshared')
        assert os.path.exists(tmp_path / 'd/f')
    finally:
        subprocess.run(['umount', '-R', str(tmp_path)], check=True)


def test_mounts_that_contradict_themselves_are_refused(engine):
    cases = [({'Type': 'bind', 'Source': '/tmp', 'Target': '/m', 'VolumeOptions': {}}, 'VolumeOptions must not be specified'),
             ({'Type': 'tmpfs', 'Source': '/x', 'Target': '/m'}, 'Source must not be specified'),
             ({'Type': 'bind', 'Source': '/tmp'}, 'field Target must not be empty'),
             ({'Type': 'nosuch', 'Target': '/m'}, 'mount type unknown'),
             ({'Type': 'bind', 'Source': '/tmp', 'Target': '/m', 'BindOptions': {'Propagation': 'odd'}}, 'invalid propagation mode'),
             ({'Type': 'volume', 'Source': 'v', 'Target': '/m', 'VolumeOptions': {'Subpath': '../x'}}, 'relative path within the volume')]
    for mount, text in cases:
        answer = engine.post('/containers/create', {'Image': 'busybox', 'HostConfig': {'Mounts': [mount]}})
        assert answer.status == 400 and text in answer.json['message'], (mount, answer.text)
    assert engine.get('/volumes').json['Volumes'] in ([], None)


# ---- tmpfs

def test_tmpfs_options(docker):
    out = docker.sh('stat -c %a /t; grep " /t " /proc/mounts', '--mount', 'type=tmpfs,dst=/t,tmpfs-size=2m,tmpfs-mode=1770').out.splitlines()
    assert out[0] == '1770' and 'size=2048k' in out[1] and 'nosuid' in out[1] and 'noexec' in out[1]
    shown = docker.sh('grep " /t " /proc/mounts; touch /t/f && echo yes', '--tmpfs', '/t:rw,exec,size=64k,mode=700').out
    assert 'noexec' not in shown and 'size=64k' in shown and shown.strip().endswith('yes')
    assert docker.sh('touch /t/x', '--tmpfs', '/t:ro', check=False).code == 1
    assert docker.sh('dd if=/dev/zero of=/t/big bs=1k count=200 2>/dev/null', '--tmpfs', '/t:size=64k', check=False).code != 0
    bad = docker.sh('true', '--tmpfs', '/t:nosuch=1', check=False)
    assert bad.code == 125, bad


# ---- volumes in containers

def test_copy_up_keeps_owners_modes_and_links(docker, filled):
    script = 'stat -c "%a %u %g" /data /data/f /data/sub; readlink /data/link; cat /data/sub/g'
    expected = ['2750 1000 29', '640 1000 1000', '700 0 0', 'f', 'deeper']
    docker('volume', 'create', 'named')
    assert docker.out('run', '--rm', '-v', 'named:/data', filled, 'sh', '-c', script).splitlines() == expected
    docker('run', '--rm', '-v', 'named:/data', filled, 'sh', '-c', 'rm /data/f')
    assert docker('run', '--rm', '-v', 'named:/data', filled, 'ls', '/data/f', check=False).code == 1    # copied once only
    assert docker.out('run', '--rm', '-v', 'raw:/data:nocopy', filled, 'ls', '/data') == ''
    assert docker.out('run', '--rm', '--mount', 'type=volume,src=raw2,dst=/data,volume-nocopy', filled, 'ls', '/data') == ''


def test_image_volume_is_anonymous_and_goes_with_rm_v(docker, filled, engine):
    docker('run', '--name', 'maker', filled, 'sh', '-c', 'cat /data/f; echo mine > /data/own')
    assert docker('logs', 'maker').out == 'from the image'
    mount = docker.inspect('maker')['Mounts'][0]
    assert mount['Type'] == 'volume' and mount['Destination'] == '/data' and len(mount['Name']) == 64
    assert open(mount['Source'] + '/own').read() == 'mine\n'
    assert 'com.docker.volume.anonymous' in (engine.get('/volumes/' + mount['Name']).json['Labels'] or {})
    docker('run', '--name', 'taker', '--volumes-from', 'maker:ro', 'busybox', 'cat', '/data/own')
    assert docker('logs', 'taker').out == 'mine\n'
    docker('rm', '-v', 'maker')
    assert os.path.exists(mount['Source']), 'another container still refers to it'
    docker('rm', '-v', 'taker')
    docker('run', '--name', 'left', filled, 'true')
    kept = docker.inspect('left')['Mounts'][0]['Name']
    docker('rm', 'left')
    assert kept in docker.out('volume', 'ls', '-q').split()
    before = set(docker.out('volume', 'ls', '-q').split())
    docker('run', '--rm', filled, 'true')
    assert set(docker.out('volume', 'ls', '-q').split()) == before, '--rm takes anonymous volumes along'


def test_anonymous_volumes_of_the_command_line(docker):
    docker('run', '--name', 'maker', '-v', '/scratch', '--mount', 'dst=/second', 'busybox', 'touch', '/scratch/f', '/second/g')
    mounts = {mount['Destination']: mount for mount in docker.inspect('maker')['Mounts']}
    assert set(mounts) == {'/scratch', '/second'} and all(len(mount['Name']) == 64 for mount in mounts.values())
    docker('rm', '-v', 'maker')
    assert docker.out('volume', 'ls', '-q') == ''


def test_volumes_from_takes_named_ones_and_binds(docker, tmp_path):
    (tmp_path / 'f').write_text('host')
    docker('create', '--name', 'src', '-v', 'kept:/v', '-v', f'{tmp_path}:/b:ro', 'busybox', 'true')
    result = docker.sh('echo x > /v/f; cat /b/f; touch /b/new', '--volumes-from', 'src', check=False)
    assert result.out == 'host' and result.code == 1
    assert docker.sh('cat /v/f', '--volumes-from', 'src:ro').out == 'x\n'
    assert docker.sh('touch /v/f', '--volumes-from', 'src:ro', check=False).code == 1
    assert docker.sh('true', '--volumes-from', 'nosuch', check=False).code == 125


def test_subpath_of_a_volume_never_leaves_it(engine, docker):
    docker('run', '--rm', '-v', 'vol:/v', 'busybox', 'sh', '-c', 'mkdir -p /v/in/side; echo deep > /v/in/side/f; ln -s / /v/out')
    def run(subpath):
        mount = {'Type': 'volume', 'Source': 'vol', 'Target': '/m', 'VolumeOptions': {'Subpath': subpath}}
        body = {'Image': 'busybox', 'Cmd': ['ls', '/m'], 'HostConfig': {'Mounts': [mount]}}
        return docker('start', '-a', engine.post('/containers/create', body).json['Id'], check=False)
    assert run('in/side').out == 'f\n'
    missing = run('nosuch')
    assert missing.code != 0 and 'nosuch' in missing.err
    assert 'etc' not in run('out').out.split() or run('out').code != 0


def test_mount_makes_a_volume_with_labels_and_driver_options(docker):
    flag = 'type=volume,src=opts,dst=/m,volume-label=team=a,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m"'
    out = docker.sh('grep " /m " /proc/mounts', '--mount', flag).out
    assert out.startswith('tmpfs /m tmpfs') and 'size=1024k' in out
    shown = json.loads(docker.out('volume', 'inspect', 'opts'))[0]
    assert shown['Labels'] == {'team': 'a'} and shown['Options']['type'] == 'tmpfs'


def test_volume_is_in_use_until_its_container_is_removed(docker):
    docker('create', '--name', 'holder', '-v', 'held:/v', 'busybox', 'true')
    refused = docker('volume', 'rm', 'held', check=False)
    assert refused.code == 1 and 'volume is in use' in refused.err
    docker('rm', 'holder')
    assert docker.out('volume', 'rm', 'held') == 'held'
    gone = docker('volume', 'rm', 'held', check=False)
    assert gone.code == 1 and 'no such volume' in gone.err.lower()
    assert docker('volume', 'rm', '-f', 'held').code == 0


# ---- the volume commands

@pytest.mark.smoke
def test_create_inspect_and_list(cli):
    assert cli.out('volume', 'create', '--label', 'a=b', '--label', 'c', 'one') == 'one'
    made = cli.out('volume', 'create')
    assert len(made) == 64
    shown = json.loads(cli.out('volume', 'inspect', 'one'))[0]
    assert shown['Driver'] == 'local' and shown['Scope'] == 'local' and shown['Labels'] == {'a': 'b', 'c': ''}
    assert shown['Mountpoint'].endswith('/volumes/one/_data') and os.path.isdir(shown['Mountpoint'])
    assert cli.out('volume', 'inspect', '--format', '{{.Name}}', 'one') == 'one'
    assert cli.out('volume', 'ls', '-q', '--filter', 'label=a=b') == 'one'
    assert cli.out('volume', 'ls', '--format', '{{.Name}} {{.Driver}}', '--filter', 'name=one') == 'one local'
    assert cli.out('volume', 'create', 'one') == 'one'    # there already, as it is
    assert cli.out('volume', 'rm', 'one', made).split() == ['one', made]


def test_list_filters(docker):
    docker('volume', 'create', '--label', 'k=1', 'alpha')
    docker('volume', 'create', '--label', 'k=2', 'beta')
    docker('create', '--name', 'user', '-v', 'beta:/v', 'busybox', 'true')
    def names(*filters):
        return docker.out('volume', 'ls', '-q', *[word for item in filters for word in ('--filter', item)]).split()
    assert names() == ['alpha', 'beta']
    assert names('dangling=true') == ['alpha'] and names('dangling=false') == ['beta']
    assert names('label=k') == ['alpha', 'beta'] and names('label=k=2') == ['beta']
    assert names('driver=local') == ['alpha', 'beta'] and names('driver=other') == []
    assert names('name=alp') == ['alpha']
    assert docker('volume', 'ls', '--filter', 'nosuch=1', check=False).code == 1


def test_wrong_names_drivers_and_options(docker):
    for words, text in [(['bad/name'], 'includes invalid characters for a local volume name'), (['-d', 'nosuch', 'xx'], 'plugin "nosuch" not found'),
                        (['-o', 'nosuch=1', 'xx'], 'invalid option')]:
        result = docker('volume', 'create', *words, check=False)
        assert result.code == 1 and text in result.err, result
    assert docker.out('volume', 'ls', '-q') == ''
    assert docker('volume', 'inspect', 'nosuch', check=False).code == 1


@pytest.mark.smoke
def test_prune_by_use_age_and_label(cli):
    cli('volume', 'create', '--label', 'keep=1', 'kept')
    cli('volume', 'create', 'loose')
    cli('create', '--name', 'user', '-v', 'used:/v', '-v', '/anonymous', 'busybox', 'true')
    anonymous = cli.out('volume', 'create')
    all_of_them = cli.name == 'docker-debian'    # clients of API 1.41 mean named ones too
    out = cli.out('volume', 'prune', '-f', '--filter', 'label!=keep')
    assert anonymous in out and ('loose' in out) == all_of_them and 'Total reclaimed space: 0B' in out
    if not all_of_them:
        assert 'loose' in cli.out('volume', 'prune', '-af', '--filter', 'label!=keep')
    assert set(cli.out('volume', 'ls', '-q').split()) >= {'kept', 'used'}
    assert cli('volume', 'prune', '-f', '--filter', 'nosuch=1', check=False).code == 1
    cli('rm', '-v', 'user')
    assert set(cli.out('volume', 'ls', '-q').split()) == {'kept', 'used'}
    cli('volume', 'rm', 'kept', 'used')
