"""`sampan` says what docker says, byte for byte: the tables of tests/parity, run with both against one engine (lib/parity.py).

The official command line is the newest on this host: `docker` in PATH, or Debian's. Cases that need a newer one are marked in the
tables with the reason. Not compared, because they cannot or shall not be equal:
  - what prints addresses of Go's memory ({{.}} of a container, {{.HostConfig}}), names Go's resolver, or shows its tracing (-D);
  - docker's own slip in `requires at most N arguments` ("SRun 'docker … --help'");
  - commands that Sampan does not have yet, and the lists of commands they appear in;
  - `-v a:/b` with a name of one letter, which docker takes for a drive of Windows;
  - login with no engine: docker then asks the registry itself;
  - a broken config.json, which docker overwrites at a login and we do not, and keys in it that docker drops and we keep;
  - ssh:// and fd:// as hosts, which we have not got, and what docker then says of its own programs.
"""
import pytest
from conftest import import_image
from lib import images, parity


def sections(*tables):
    return [pytest.param(section, id=f'{table[:-4]}-{section.name}'.replace(' ', '_')) for table in tables for section in parity.load(table)]


@pytest.mark.parametrize('section', sections('prune.txt'))
def test_both_prune_the_same(both, section):
    unequal = both.compare_scene(section)
    assert not unequal, f'{len(unequal)} of {len(section.cases)} differ:\n' + '\n'.join(unequal)


@pytest.fixture(scope='module')
def harbour(both, engine):
    """The state the tables speak of."""
    def docker(line):
        code, out, err = both.run('docker', line)
        assert code == 0, (line, err)
        return out.strip()
    import_image(engine, images.busybox_tar(), '', ['LABEL nameless=1'])
    for line in ('tag busybox other:one', 'tag busybox other:two', 'volume create --label v=2 keep', 'network create --label l=2 lane',
                 "run -d --name ship -p 127.0.0.1::80 -p 127.0.0.1::81/udp -v keep:/data -l a=1 -l x.y-z=two -e E=1 busybox "
                 "sh -c 'echo one; echo two >&2; sleep 100000'",
                 'run -d --name held --network lane busybox sleep 100000', 'pause held',
                 'create --name idle --network none --entrypoint /bin/echo busybox hello'):
        docker(line)
    assert both.run('docker', "run --name done busybox sh -c 'echo out; exit 3'")[0] == 3
    yield both
    both.run('docker', 'rm -fv ship held done idle')
    both.run('docker', 'network rm lane')
    both.run('docker', 'volume rm keep')


@pytest.mark.parametrize('section', sections('lists.txt', 'inspect.txt', 'errors.txt', 'run_flags.txt', 'scenes.txt', 'help.txt', 'client.txt'))
def test_both_say_the_same(harbour, section):
    harbour.write(section.files)
    if section.scene:
        unequal = harbour.compare_scene(section)
    else:
        unequal = [text for case in section.cases if case.since <= harbour.version if (text := harbour.compare(case))]
    assert not unequal, f'{len(unequal)} of {len(section.cases)} differ:\n' + '\n'.join(unequal)
