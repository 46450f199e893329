"""A sampand with a command line of the test's own."""
import json
import os
import shutil
import subprocess
import tempfile

from .engine import BIN, Engine


class Daemon(Engine):
    """An engine whose whole command line is the test's; `before` runs the program in other namespaces."""

    def __init__(self, args=(), before=(), config=None, sockets=True, wait=True):
        self.before = list(before)
        self.config_path = None
        self.plain, self.config, self.sockets, self.wait = list(args), config, sockets, wait
        self.root = tempfile.mkdtemp(prefix='sampan-test-', dir='/var/lib')
        self.run = tempfile.mkdtemp(prefix='sampan-test-', dir='/run')
        self.socket = self.run + '/sampan.sock'
        self.host = 'unix://' + self.socket
        self.log_path = self.root + '/daemon.log'
        self.process = None
        if config is not None:
            self.config_path = self.root + '/daemon.json'
            self.write_config(config)
        self.start()

    def write_config(self, config):
        with open(self.config_path, 'w') as file:
            file.write(config if isinstance(config, str) else json.dumps(config))

    def start(self, faults='', wait=True):
        command = [*self.before, BIN + '/sampand', '--data-root', self.root + '/data', '--exec-root', self.run + '/exec', '--pidfile',
                   self.run + '/pid', *(['-H', self.host] if self.sockets else []),
                   *(['--config-file', self.config_path] if self.config_path else []), *self.plain]
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if self.wait:
            self.wait_ready()

    def ends(self, code=1):
        """The daemon refuses to start; what it said."""
        assert self.process.wait(20) == code, self.log()
        text = self.log()
        self.clean()
        return text

    def clean(self):
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.rmtree(self.run, ignore_errors=True)
