"""What one engine has on the host and on disk: told by its own names, so that other engines beside it do not matter."""
import glob
import os
import subprocess
import time


def _mounts(engine):
    found = []
    for line in open('/proc/self/mountinfo', errors='replace'):
        point = line.split(' ')[4]
        if point.startswith((engine.root, engine.run)):
            found.append(point)
    return sorted(found)


def _links(engine):
    instance = engine.instance
    found = []
    for name in os.listdir('/sys/class/net'):
        alias = ''
        try:
            alias = open(f'/sys/class/net/{name}/ifalias', errors='replace').read()
        except OSError:
            pass
        if name.startswith('v' + instance) or f'sampan:{instance}' in alias:
            found.append(name)
    return sorted(found)


def _rules(engine):
    done = subprocess.run(['nft', '-s', 'list', 'ruleset'], capture_output=True, text=True, errors='replace')
    assert done.returncode == 0, done.stderr
    lines, keep = [], False
    for line in done.stdout.split('\n'):
        if line.startswith('table '):
            keep = f'sampan-{engine.instance}' in line
        if keep:
            lines.append(line)
    return lines


def _cgroups(engine):
    found = []
    for folder, names, _ in os.walk('/sys/fs/cgroup'):
        if folder.count('/') > 6:
            names[:] = []
        if f'sampan-{engine.instance}/' in folder:
            found.append(folder)
    return sorted(found)


def _processes(engine):
    """Shims of this engine: by the directory below its exec root that they hold."""
    found = []
    for comm in glob.glob('/proc/[0-9]*/comm'):
        try:
            if not open(comm).read().startswith('sampan-'):
                continue
            folder = os.path.dirname(comm)
            if os.path.basename(folder) == str(engine.process.pid):
                continue
            if any(os.readlink(fd).startswith(engine.run) for fd in glob.glob(folder + '/fd/*')):
                found.append(folder + ' ' + open(comm).read().strip())
        except OSError:
            pass
    return sorted(found)


def _files(engine):
    found = []
    for root in (engine.root + '/data', engine.run + '/exec'):
        for folder, names, files in os.walk(root):
            found += [os.path.join(folder, name) for name in names + files if not name.startswith('state.db') and '/partial/' not in folder + '/']    # a later pull goes on there
    return sorted(found)


def snapshot(engine):
    return {'mounts': _mounts(engine), 'links': _links(engine), 'rules': _rules(engine), 'cgroups': _cgroups(engine),
            'processes': _processes(engine), 'files': _files(engine)}


def difference(before, after):
    lines = []
    for key in before:
        lines += [f'{key}: left behind: {item}' for item in after[key] if item not in before[key]]
        lines += [f'{key}: missing: {item}' for item in before[key] if item not in after[key]]
    return lines


def settled_difference(engine, before, seconds=15.0):
    deadline = time.monotonic() + seconds
    while True:
        lines = difference(before, snapshot(engine))
        if not lines or time.monotonic() > deadline:
            return lines
        time.sleep(0.05)


def daemon_size(engine):
    """(open descriptors, threads) of the daemon."""
    folder = f'/proc/{engine.process.pid}'
    return len(os.listdir(folder + '/fd')), len(os.listdir(folder + '/task'))
