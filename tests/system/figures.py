# SPDX-License-Identifier: GPL-2.0-or-later
"""Every figure of a diagnosis computed again from the profile beside it: by a reader of pprof and by
formulas that are not ours. What was recognized and found right is crossed out; a figure that is left
over is a failure, too."""

import collections
import json
import math
import re

import pprof
from support import check, perfctl

SHARE = r'([\d.]+) % \(([\d.]+)…([\d.]+)\)'
KERNEL_ENTRY = 'entry_SYSCALL_64_after_hwframe'
Z = 1.959963984540054


def wilson(share, n):
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0, centre - half), min(1, centre + half)


def base_name(path):
    return path.rpartition('/')[2]


class Figures:
    """Counts of a profile, by whatever tables are about."""

    def __init__(self, path):
        self.path, self.profile = path, pprof.Profile(path)
        self.whole = 0
        # By kind: name -> samples in it itself, and with it on the stack.
        self.selfs = collections.defaultdict(collections.Counter)
        self.totals = collections.defaultdict(collections.Counter)
        self.stacks, self.callers = collections.Counter(), collections.defaultdict(collections.Counter)
        self.unnamed = 0
        for sample in self.profile.samples:
            self.add(sample)

    def add(self, sample):
        n, labels = sample.values[0], sample.labels
        functions = [name for frame in sample.stack for name in frame.functions]
        modules = [frame.module or '[unknown]' for frame in sample.stack]
        thread = self.thread_of(labels)
        self.whole += n
        for kind, names in [('function', functions), ('module', modules), ('thread', [thread])]:
            if names:
                self.selfs[kind][names[0]] += n
            for name in set(names):
                self.totals[kind][name] += n
        self.unnamed += n * any(frame.unnamed for frame in sample.stack)
        self.stacks[(labels.get('comm'), labels.get('truncated'), tuple(functions))] += n
        for callee, caller in {(a, b) for a, b in zip(functions, functions[1:])}:
            self.callers[callee][caller] += n

    @staticmethod
    def thread_of(labels):
        """As tables call it: "redis-server (4242)", or with the thread behind."""
        name = f"{labels.get('comm', '[unknown]')} ({labels['pid']})"
        if labels.get('tid') != labels['pid'] or labels.get('thread'):
            name += f" / {labels.get('thread', '')} ({labels['tid']})"
        return name

    def share(self, n):
        share = n / self.whole
        return [100 * x for x in (share, *wilson(share, self.whole))]

    def first(self, kind, n):
        """The first names of a table: the most first, then by what is called, then by name."""
        return sorted(self.selfs[kind], key=lambda name: (
            -self.selfs[kind][name], -self.totals[kind][name], name))[:n]


class Document:
    def __init__(self, text, figures):
        # Names and quotations of the conditions are no figures.
        self.text = re.sub(r'^```$.*?^```$', '', text, flags=re.MULTILINE | re.DOTALL)
        self.text = re.sub(r'^\| (?!`).*\| `.*` \|$', '', self.text, flags=re.MULTILINE)
        self.figures = figures

    def cross_out(self, pattern, expected, at_least=1):
        """Each match's figures must be those that `expected` gives for its groups."""
        n = 0
        for match in re.finditer(pattern, self.text, re.MULTILINE):
            names = [g for g in match.groups() if g is not None and not re.fullmatch(r'[\d.]+', g)]
            got = [g for g in match.groups() if g is not None and re.fullmatch(r'[\d.]+', g)]
            wanted = expected(*[name.replace('\\|', '|') for name in names])
            check(len(got) == len(wanted), f'{match.group()}: {wanted}')
            for text, value in zip(got, wanted):
                decimals = len(text.partition('.')[2])
                check(abs(float(text) - value) <= 0.501 * 10 ** -decimals,
                      f'{match.group()}: it is {value}, not {text}')
            n += 1
        check(n >= at_least, f'"{pattern}" is not there:\n{self.text}')
        self.text = re.sub(pattern, '', self.text, flags=re.MULTILINE)


def tables_hold(document):
    figures = document.figures

    def row(kind):
        def expected(name, *_):
            own = figures.selfs[kind][name]
            return [*figures.share(own), *figures.share(figures.totals[kind][name]),
                    1 / (1 - own / figures.whole)]
        return expected

    def kind_of(name):
        for kind in ('module', 'thread'):
            if name in figures.totals[kind]:
                return kind
        return 'function'

    row_pattern = rf'^\| `(.*?)` \| {SHARE} \| {SHARE} \| ([\d.]+)× \|(?: `.*` \|)?$'
    document.cross_out(row_pattern, lambda name, *rest: row(kind_of(name))(name), 5)


def sentences_hold(document):
    figures, whole = document.figures, document.figures.whole
    conditions = figures.profile.document['conditions']
    seconds, cpu = conditions['duration_ns'] / 1e9, conditions['sampled_ns'] / 1e9
    sampled = sum(sample.values[1] for sample in figures.profile.samples) / 1e9
    check(abs(sampled - cpu) < 0.001 * cpu + 0.001, f'{sampled} s and not {cpu}')
    first, own = figures.first('function', 3), figures.selfs['function']
    modules = {base_name(name): n for name, n in figures.selfs['module'].items()}
    document.cross_out(r'used ([\d.]+) s of CPU time in the ([\d.]+) s that were recorded: (\d+) % of one '
                       r'CPU, from [-\d]+ [:\d]+ on', lambda: [cpu, seconds, 100 * cpu / seconds])
    document.cross_out(rf'`(.*?)` as a whole dominates: {SHARE}',
                       lambda name: figures.share(modules[name]), 0)
    document.cross_out(r'would be at most ([\d.]+) times as fast',
                       lambda: [1 / (1 - own[first[0]] / whole)], 0)
    document.cross_out(rf'`([^`]*)` itself: {SHARE}', lambda name: figures.share(own[name]))
    check(document.text.count('(') < 200, document.text)
    document.cross_out(r'these have (\d+) % together',
                       lambda: [sum(100 * own[name] / whole for name in first)])
    by_module = re.search(r'By module: (.*?)\. In brackets', document.text).group(1)
    for name, per_cent in re.findall(r'`([^`]*)` (\d+) %', by_module):
        check(abs(float(per_cent) - 100 * modules[name] / whole) <= 0.501, by_module)
    document.text = document.text.replace(by_module, '')
    document.cross_out(r'`([^`]*)` \((\d+) % of its samples\)', lambda caller: [
        100 * figures.callers[first[0]][caller] / figures.totals['function'][first[0]]], 0)
    document.cross_out(rf'`([^`]*)` takes {SHARE}',
                       lambda caller: figures.share(figures.callers[KERNEL_ENTRY][caller]), 0)
    stacks = [n for _, n in figures.stacks.most_common()]
    document.cross_out(r'^([\d.]+) % of the samples \((\d+)\) were exactly here',
                       lambda: (lambda n: [100 * n / whole, n])(stacks.pop(0)))


def detectable_holds(document):
    """As the comparison of the profile with itself has it; and never less than what a Poisson count on
    either side could show, were this function alone and anything below 5 % a find."""
    compared = json.loads(perfctl('diff', '--json', *[document.figures.path] * 2).out)
    known = {round(100 * row['share']): 100 * row['change'] for row in compared['could_have_shown']
             if row['change'] is not None}
    for share, change in known.items():
        count = document.figures.whole * share / 100
        check(change >= 100 * (1.96 + 0.84) * math.sqrt(2 / count), f'{change} % of {count} samples')
    document.cross_out(r'a change of ([\d.]+) % in a function with (30) % of the time',
                       lambda: [known[30], 30], 0)
    document.cross_out(r'(?<=, )of ([\d.]+) % with (10)(?= %)', lambda: [known[10], 10], 0)
    document.cross_out(r'(?<=, )of ([\d.]+) % with (3)(?= %)', lambda: [known[3], 3], 0)
    document.cross_out(r'(?<=, )of ([\d.]+) % with (1)(?= %)', lambda: [known[1], 1], 0)
    document.cross_out(r'it could show \(at (80) % odds\)', lambda: [80])


def threats_hold(document):
    figures, whole = document.figures, document.figures.whole
    ledger = figures.profile.document['ledger']
    seconds = figures.profile.document['conditions']['duration_ns'] / 1e9
    shares = [figures.selfs['function'][name] / whole for name in figures.first('function', 2)]
    low, high = wilson(shares[0], whole)
    apart = abs(shares[0] - shares[1])
    document.text = document.text.replace('\u202f', '')
    lost, cut = sum(ledger['lost'].values()), sum(ledger['truncated'].values())
    document.cross_out(r'^- (\d+) samples\.', lambda: [whole])
    document.cross_out(r'known to ±([\d.]+) points; (\d+) s more',
                       lambda: [100 * (high - low) / 2, math.ceil(3 * seconds)])
    document.cross_out(r'some (\d+) s more might tell', lambda: [math.ceil(seconds * (
        Z * Z * (shares[0] + shares[1] - apart * apart) / (apart * apart) / whole - 1))], 0)
    document.cross_out(r'less than ([\d.]+) % of the time', lambda: [100 * 3 / whole])
    document.cross_out(r'^- ([\d.]+) % of the samples were lost or have', lambda: [
        100 * (lost + cut) / (whole + lost)], 0)
    document.cross_out(r'^> ([\d.]+) % of the samples lost or truncated', lambda: [
        100 * (lost + cut) / (whole + lost)], 0)
    document.cross_out(r'^- ([\d.]+) % of the samples have a function without a name',
                       lambda: [100 * figures.unnamed / whole], 0)
    document.cross_out(r'^- (\d+) ticks of the sampling clock', lambda: [ledger['missed']], 0)


def hold(where, name):
    """All of NAME.md, from NAME.pb.gz."""
    document = Document((where / f'{name}.md').read_text(), Figures(where / f'{name}.pb.gz'))
    tables_hold(document)
    sentences_hold(document)
    detectable_holds(document)
    threats_hold(document)
    rest = re.sub(r'`[^`]*`', '', document.text).replace('95 %', '')
    check(not re.search(r'\d', rest), f'figures that nobody can compute again:\n{rest}')
