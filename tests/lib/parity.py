"""Two command lines against one engine: the same words in, the same bytes out.

A table (tests/parity/*.txt) is made of sections:

    [name]              every line is a case of its own; both command lines run it at the same moment and must give the same
                        stdout, stderr and exit code. The engine's state is the one the fixture made.
    [scene: name]       the lines run one after the other, the whole scene first with one command line, then with the other;
                        ids, times, addresses and ports that the engine draws are compared by their order of appearance.
    # text              a comment
    @sh COMMAND         (scenes) a step of the host's, in a shell, with $DOCKER as the command line; its output is compared too
    @in TEXT            (both) stdin of the next line, with \\n as a line end; without it stdin is empty
    @env A=B C=D        (both) variables of the next line; "A=" takes it away where it is set
    @file PATH TEXT     a file below $SCRATCH, made before anything runs
    LINE  ## 28.3: why  compared from that version of docker on; the step of a scene is done in any case
    LINE  ## word       the same, with version and reason of the class that the head of the table states:
    @class word 28: why
"""
import difflib
import os
import re
import shlex
import shutil
import subprocess

from lib.engine import BIN, DOCKER

HERE = os.path.dirname(__file__)
TABLES = os.path.join(HERE, '../parity')


class Case:
    def __init__(self, line, stdin, env, since, reason, where):
        self.line, self.stdin, self.env, self.since, self.reason, self.where = line, stdin, env, since, reason, where

    def __repr__(self):
        return f'{self.where}: {self.line}'


class Section:
    def __init__(self, name, scene):
        self.name, self.scene, self.cases, self.files = name, scene, [], {}


def load(table):
    sections, classes, stdin, env = [], {}, b'', {}
    for number, line in enumerate(open(os.path.join(TABLES, table)), 1):
        line = line.rstrip('\n')
        if not line.strip() or line.startswith('#'):
            continue
        if line.startswith('[') and line.endswith(']'):
            name = line[1:-1]
            sections.append(Section(name.removeprefix('scene: '), name.startswith('scene: ')))
        elif line.startswith('@class '):
            word, note = line[7:].split(' ', 1)
            classes[word] = note
        elif line.startswith('@in '):
            stdin = line[4:].replace('\\n', '\n').encode()
        elif line.startswith('@env '):
            env = dict(word.split('=', 1) for word in shlex.split(line[5:]))
        elif line.startswith('@file '):
            path, _, text = line[6:].partition(' ')
            sections[-1].files[path] = text.replace('\\n', '\n')
        else:
            line, _, note = line.partition('  ## ')
            since, _, reason = classes.get(note, note).partition(': ')
            assert not note or reason, f'{table}:{number}: no class {note}'
            sections[-1].cases.append(Case(line.rstrip(), stdin, env, version(since), reason, f'{table}:{number}'))
            stdin, env = b'', {}
    return sections


def version(text):
    """'28.5.2+dfsg4' -> (28, 5); '' -> (0,)."""
    return tuple(int(part) for part in re.findall(r'\d+', text)[:2]) or (0,)


def version_of(program):
    out = subprocess.run([program, '--version'], capture_output=True, text=True).stdout
    return version(out.split('version ')[1])


def newest_docker():
    found = {program for program in (shutil.which('docker'), DOCKER) if program}
    return max(found, key=version_of)


class Both:
    """The official command line and ours, which is started under docker's name, in one environment."""

    def __init__(self, host, scratch):
        docker, sampan = newest_docker(), BIN + '/sampan'
        self.scratch, self.version, self.prefix = str(scratch), version_of(docker), []
        self.programs = {}
        for name, program in (('docker', docker), ('sampan', sampan)):
            folder = f'{self.scratch}/{name}'
            os.makedirs(folder, exist_ok=True)
            self.programs[name] = f'{folder}/docker'
            if os.path.lexists(self.programs[name]):
                os.unlink(self.programs[name])
            os.symlink(program, self.programs[name])
        self.config = self.scratch + '/config'
        os.makedirs(self.config, exist_ok=True)
        os.makedirs(self.scratch + '/work', exist_ok=True)
        self.variables = dict(PATH=os.environ['PATH'], HOME=self.scratch, DOCKER_HOST=host, DOCKER_CONFIG=self.config,
                              DOCKER_CLI_HINTS='false', SCRATCH=self.scratch, TZ='UTC', LANG='C')

    def write(self, files):
        for path, text in files.items():
            os.makedirs(os.path.dirname(f'{self.scratch}/{path}'), exist_ok=True)
            with open(f'{self.scratch}/{path}', 'w') as file:
                file.write(text)

    def start(self, name, words, env=None):
        env = {key: value.replace('$SCRATCH', self.scratch) for key, value in {**self.variables, **(env or {})}.items() if value}
        return subprocess.Popen([*self.prefix, self.programs[name], *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=env, cwd=self.scratch + '/work')

    def words(self, line):
        return shlex.split(line.replace('$SCRATCH', self.scratch))

    def finish(self, process, stdin):
        code = None
        try:
            out, err = process.communicate(stdin, timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = 'did not end in 60 s'
        # An error that shows the address of a request shows the version that this client speaks.
        return (process.returncode if code is None else code, text(out), re.sub(r'/v1\.\d\d/', '/v1.<n>/', text(err)))

    def run(self, name, line, stdin=b'', env=None):
        return self.finish(self.start(name, self.words(line), env), stdin)

    def compare(self, case, env=None):
        """'' or the difference. A list that differs is asked again: a second may have ended between the two."""
        answers = {}
        for _ in range(3):
            running = {name: self.start(name, self.words(case.line), env or case.env) for name in self.programs}
            answers = {name: self.finish(process, case.stdin) for name, process in running.items()}
            if answers['docker'] == answers['sampan']:
                return ''
            if any(answer[0] != 0 for answer in answers.values()):
                break
        if same_but_for_seconds(answers['docker'], answers['sampan']):
            return ''
        return difference(case, answers['docker'], answers['sampan'])

    def scene(self, name, section):
        """The answers of one command line to a scene."""
        names, answers = Names(), []
        for case in section.cases:
            if case.line.startswith('@sh '):
                done = subprocess.run(['sh', '-c', case.line[4:]], capture_output=True, cwd=self.scratch + '/work',
                                      env={**self.variables, 'DOCKER': self.programs[name]}, timeout=60)
                answer = (done.returncode, text(done.stdout), text(done.stderr))
            else:
                answer = self.run(name, case.line, case.stdin, case.env)
            answers.append(None if self.version < case.since else (answer[0], names.plain(answer[1]), names.plain(answer[2])))
        return answers

    def compare_scene(self, section):
        docker, sampan = self.scene('docker', section), self.scene('sampan', section)
        return [difference(case, a, b) for case, a, b in zip(section.cases, docker, sampan) if a != b]


class Names:
    """What an engine draws, replaced by its place in the order of appearance."""

    def __init__(self):
        self.seen = {}

    def number(self, kind, value):
        known = self.seen.setdefault(kind, [])
        if value not in known:
            known.append(value)
        return f'<{kind}{known.index(value) + 1}>'

    def plain(self, answer):
        answer = re.sub(r'\b([0-9a-f]{12})([0-9a-f]{52})\b', lambda m: self.number('id', m[1]) + '+52', answer)
        answer = re.sub(r'\b(?=[0-9]*[a-f])([0-9a-f]{12})\b', lambda m: self.number('id', m[1]), answer)
        answer = re.sub(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d( [A-Z]+)?)?', '<time>', answer)
        answer = re.sub(r'"time(Nano)?":\d+', '"time":0', answer)
        answer = re.sub(r'\b(\d+|Less than a|About a) (second|minute)s?\b', '<n> seconds', answer)
        answer = re.sub(r'\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b', '<mac>', answer)
        return re.sub(r'\b(?:10|172|192)\.\d+\.\d+\.\d+\b', lambda m: self.number('address', m[0]), answer)


def same_but_for_seconds(docker, sampan):
    """On a busy host two programs never ask in the same second: 'Up 9 seconds' and 'Up 10 seconds' are the same."""
    def plain(answer):
        lines = re.sub(r'(\d+|Less than a|About a) (second|minute)s?', '<n> seconds', answer[1])
        return answer[0], re.sub(' +', ' ', lines), answer[2]
    return plain(docker) == plain(sampan)


def text(data):
    return data.decode(errors='backslashreplace')


def difference(case, docker, sampan):
    lines = [f'{case!r}']
    if docker[0] != sampan[0]:
        lines.append(f'  exit: docker {docker[0]}, sampan {sampan[0]}')
    for part, label in ((1, 'stdout'), (2, 'stderr')):
        if docker[part] != sampan[part]:
            delta = difflib.unified_diff(docker[part].splitlines(True), sampan[part].splitlines(True), n=0)
            lines += [f'  {label} {line!r}' for line in list(delta)[3:15]] or [f'  {label}: line ends differ']
    return '\n'.join(lines)
