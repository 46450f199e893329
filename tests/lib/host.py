"""What of the host an engine may change, as a value that can be compared: the guard 'nothing left'."""
import glob
import os
import re
import subprocess
import time


def _mounts():
    return sorted(line.split(' ')[4] for line in open('/proc/self/mountinfo', errors='replace'))


def another_engine():
    """Docker's containers come and go as they like: where its daemon runs, links and namespaces are not compared."""
    return subprocess.run(['pgrep', '-x', 'dockerd'], capture_output=True).returncode == 0


def _links():
    return sorted(name for name in os.listdir('/sys/class/net') if not (another_engine() and re.fullmatch('veth[0-9a-f]{7}', name)))


def _tables():
    out = subprocess.run(['nft', 'list', 'tables'], capture_output=True, text=True, errors='replace').stdout
    return sorted(out.split('\n'))


def _cgroups():
    found = []
    for root in ['/sys/fs/cgroup']:
        for folder, names, _ in os.walk(root):
            depth = folder[len(root):].count('/')
            if depth >= 3:
                names[:] = []
            if os.path.basename(folder) in ('docker', 'libpod_parent'):    # another engine's, not ours to judge
                names[:] = []
            found += [os.path.join(folder, name) for name in names if 'sampan' in name or re.fullmatch('[0-9a-f]{64}', name)]
    return sorted(found)


def _processes():
    found = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            words = open(path, 'rb').read().split(b'\0')
        except OSError:
            continue
        if os.path.basename(words[0]).startswith(b'sampan'):
            found.append(path.split('/')[2] + ' ' + b' '.join(words).decode(errors='replace'))
    return sorted(found)


def _namespaces():
    found = set()
    if another_engine():
        return []
    for path in glob.glob('/proc/[0-9]*/ns/net'):
        try:
            found.add(os.readlink(path))
        except OSError:
            pass
    return sorted(found)


def snapshot():
    return {'mounts': _mounts(), 'links': _links(), 'nft tables': _tables(), 'cgroups': _cgroups(), 'processes': _processes(),
            'network namespaces': _namespaces()}


def difference(before, after):
    lines = []
    for key in before:
        extra = [item for item in after[key] if item not in before[key]]
        gone = [item for item in before[key] if item not in after[key]]
        lines += [f'{key}: left behind: {item}' for item in extra] + [f'{key}: missing: {item}' for item in gone]
    return lines


def settled_difference(before, seconds=3.0, ignore=()):
    """The kernel takes links and namespaces away asynchronously: waits until nothing differs, or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        lines = [line for line in difference(before, snapshot()) if not any(word in line for word in ignore)]
        if not lines or time.monotonic() > deadline:
            return lines
        time.sleep(0.1)
