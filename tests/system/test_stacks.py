# SPDX-License-Identifier: GPL-2.0-or-later
"""User stacks without frame pointers: how many are complete, and that none is wrong."""

import os
import re
import shutil
import time

import loads
import support
from support import PROGRAMS, check, record, run, started

FREQUENCY = 997
FULL = os.environ.get('PERFCTL_FULL')
SECONDS = 30 if FULL else 3
# Of each of the four programs that are compiled from one call tree.
LAWFUL_SAMPLES = 25000 if FULL else 2500
TREE_FUNCTIONS = 200
# Another tree each time, where there is time for more of them.
SEED = os.getpid() if FULL else 1


def complete(pid, least):
    """At least this share of the samples that can have a user stack have a complete one."""
    with support.directory() as where:
        recorded = record(where, '-p', pid, '-d', SECONDS, '-F', FREQUENCY)
    ledger = recorded.ledger
    n = ledger['kept'] - sum(ledger['no_user_stack'].values())
    print(f'  {ledger["complete"]} of {n} complete, truncated: {ledger["truncated"]}', flush=True)
    check(n > 100, f'{n} stacks are no load')
    # One is no share of a short recording.
    check(n - ledger['complete'] <= max(1, (1 - least) * n),
          f'{ledger}\n' + '\n'.join(';'.join(stack) for stack, _ in recorded.stacks
                                   if any(f.startswith('[truncated') for f in stack)))
    return recorded


def test_redis_is_complete():
    with support.redis() as pid:
        complete(pid, 0.999)


def test_nginx_is_complete():
    with loads.nginx() as pid:
        complete(pid, 0.999)


def test_postgres_is_complete():
    with loads.postgres_backend() as pid:
        complete(pid, 0.999)


def test_python_is_complete():
    with loads.python() as pid:
        complete(pid, 0.995)


def test_go_is_complete():
    with loads.go() as pid:
        complete(pid, 0.995)


def test_go_without_symbols_is_complete_and_has_names():
    with loads.go('-ldflags=-s -w') as pid:
        recorded = complete(pid, 0.995)
    recorded.has('runtime.goexit', 'main.main.func1', 'main.work', 'encoding/json.Marshal')
    # Through the change of stacks: the vdso is called on another one.
    recorded.has('runtime.goexit', 'main.work', 'time.now', '__vdso_clock_gettime')


def test_rust_is_complete():
    with loads.rust() as pid:
        complete(pid, 0.995)


def test_cplusplus_is_complete():
    with loads.cplusplus() as pid:
        complete(pid, 0.995)


def build_tree(where, compiler, level):
    """The program, and the pairs (caller, callee) that are lawful in it."""
    if not shutil.which(compiler):
        raise support.Skip(f'{compiler} is not installed')
    source, pairs, program = where / 'tree.c', where / 'pairs', where / 'tree'
    run('python3', os.path.join(os.path.dirname(__file__), 'make-call-tree.py'), TREE_FUNCTIONS,
        SEED, source, pairs)
    run(compiler, level, '-fomit-frame-pointer', '-D_GNU_SOURCE', '-o', program, source, '-pthread')
    return program, {tuple(line.split()) for line in pairs.read_text().splitlines()}


def is_own(frame):
    # The kernel too has functions of nodes: node_tag_clear().
    return frame == 'main' or re.match(r'node_\d', frame)


def unlawful(stack, pairs):
    """What is wrong with the order of the program's own functions in a stack; None: nothing."""
    # A compiler's copy of a function has a suffix.
    own = [frame.partition('.')[0] for frame in stack if is_own(frame)]
    for pair in zip(own, own[1:]):
        if pair not in pairs:
            return f'{pair[0]} does not call {pair[1]}'
    is_complete = not any(frame.startswith('[truncated') for frame in stack)
    if is_complete and own and own[0] != 'main' and not own[0].endswith('_start'):
        return f'{own[0]} is not where a thread begins'
    return None


def lawful(compiler, level):
    with support.directory() as where:
        program, pairs = build_tree(where, compiler, level)
        n = n_complete = n_pairs = 0
        seen = set()
        deadline = time.monotonic() + (300 if FULL else 30)
        with started(program) as process:
            while n < LAWFUL_SAMPLES and time.monotonic() < deadline:
                recorded = record(where, '-p', process.pid, '-d', 5 if FULL else 1, '-F', 4999)
                for stack, count in recorded.stacks:
                    wrong = unlawful(stack, pairs)
                    check(not wrong, f'{wrong}: {";".join(stack)}')
                    own = [frame.partition('.')[0] for frame in stack if is_own(frame)]
                    seen.update(zip(own, own[1:]))
                    n_pairs += count * max(0, len(own) - 1)
                n += recorded.ledger['kept'] - sum(recorded.ledger['no_user_stack'].values())
                n_complete += recorded.ledger['complete']
        print(f'  tree {SEED}: {n} stacks, {n_complete} complete, {n_pairs} pairs, {len(seen)} of {len(pairs)} '
              'different ones, none unlawful', flush=True)
        check(n >= LAWFUL_SAMPLES, f'only {n} stacks')
        check(n_complete >= 0.995 * n, recorded.ledger)
        check(len(seen) > TREE_FUNCTIONS / 4, f'only {len(seen)} different pairs')


def test_every_caller_of_gcc_o2_is_lawful():
    lawful('gcc', '-O2')


@support.only_full
def test_every_caller_of_gcc_o3_is_lawful():
    lawful('gcc', '-O3')


@support.only_full
def test_every_caller_of_clang_o2_is_lawful():
    lawful('clang', '-O2')


def test_every_caller_of_clang_o3_is_lawful():
    lawful('clang', '-O3')


def test_a_wrong_caller_is_noticed():
    """The judge itself: without it, the tests above could not fail."""
    pairs = {('main', 'node_0'), ('node_0', 'node_1')}
    check(not unlawful(['c', 'main', 'node_0', 'qsort_r', 'node_1.isra.0', 'x'], pairs), 'lawful')
    check(not unlawful(['c', 'main', 'node_0', 'node_tag_clear'], pairs), 'the kernel')
    check(unlawful(['c', 'main', 'node_1'], pairs), 'a caller left out')
    check(unlawful(['c', 'node_0', 'node_1'], pairs), 'a root left out')
    check(not unlawful(['c', '[truncated:x]', 'node_0', 'node_1'], pairs), 'truncated')


def test_a_library_that_is_loaded_while_recording_is_unwound_within_50_ms():
    with support.directory() as where, support.daemon() as daemon:
        libraries = []
        for name in ('first', 'second'):
            # A copy: a file that nobody has seen.
            libraries.append(where / f'{name}.so')
            shutil.copy(PROGRAMS / f'libplugin-{name}.so', libraries[-1])
        with started(PROGRAMS / 'load-twice', *libraries, 2) as program:
            recorded = record(where, '-p', program.pid, '-d', 4, '-F', FREQUENCY, daemon=daemon)
        recorded.has('second_phase', 'second_plugin_work', at_least=50)
        truncated = recorded.ledger['truncated']
        print(f'  truncated: {truncated}', flush=True)
        check(truncated.get('no-table', 0) <= 0.05 * FREQUENCY, truncated)
        check(sum(truncated.values()) == truncated.get('no-table', 0), truncated)


# A classic filter of 4000 multiplications on a socket that sends to itself; linux/filter.h: each is
# a code, two jumps and a number.
FILTER = """
import ctypes, socket, struct
code = (struct.pack('HBBI', 0x80, 0, 0, 0) + 4000 * struct.pack('HBBI', 0x24, 0, 0, 3) +
        struct.pack('HBBI', 0x44, 0, 0, 256) + struct.pack('HBBI', 0x16, 0, 0, 0))
kept = ctypes.create_string_buffer(code)
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
SO_ATTACH_FILTER = 26
other.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                 struct.pack('HxxxxxxP', len(code) // 8, ctypes.addressof(kept)))
while True:
    one.send(b'x' * 64)
    other.recv(64)
"""


def test_a_filter_has_not_the_name_of_the_program_before_it():
    """The kernel has no symbol for its code, which lies among that of BPF programs; perfd's own too.
    Its functions have the names that it prints."""
    with support.directory() as where, started('/usr/bin/python3', '-c', FILTER) as program:
        recorded = record(where, '-p', program.pid, '-d', 1, '-F', 499)
    below = [stack[stack.index('sk_filter_trim_cap') + 1:] for stack, _ in recorded.stacks
             if 'sk_filter_trim_cap' in stack]
    check(['[kernel]'] in below, f'no sample of the filter: {recorded.text}')
    check(not any(name.startswith('bpf_prog_') for names in below for name in names), below)
    with open('/proc/kallsyms', encoding='ascii') as text:
        functions = {line.split()[2] for line in text} | {'[kernel]'}
    entry = 'entry_SYSCALL_64_after_hwframe'
    told = {name for stack, _ in recorded.stacks if entry in stack
            for name in stack[stack.index(entry):]}
    check(len(told) > 5 and told <= functions, told - functions)


if __name__ == '__main__':
    support.main(globals())
