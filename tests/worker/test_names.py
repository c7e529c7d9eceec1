#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Names, inlined calls, files and lines of random addresses beside those of llvm-symbolizer and
addr2line, over a matrix of compilers, languages, optimization, versions of DWARF and ways to link
and to pack. Each difference must belong to a class of DIFFERENCES, which says what is behind it and
which side is right; anything else fails.

usage: test_names.py NAMES-PROGRAM [full]; PERFCTL_TEST in the environment chooses variants by a part
of their label
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "names")
ROOT = os.path.dirname(os.path.dirname(HERE))
NAMES = os.path.abspath(sys.argv[1])
FULL = sys.argv[2:] == ["full"]
N_ADDRESSES = 10000 if FULL else 1000
RUSTC = "/usr/bin/rustc"

COMPILERS = {"c": {"gcc": "gcc", "clang": "clang"}, "cc": {"gcc": "g++", "clang": "clang++"}}
FILES = {"c": ["many.c", "other.c"], "cc": ["many.cc"]}


def run(*command, text_in=None, check=True):
    result = subprocess.run(command, input=text_in, capture_output=True, text=True, errors="replace")
    if check and result.returncode:
        sys.exit(f"{' '.join(command)}: {result.stderr[-2000:]}")
    return result.stdout


def sources(language):
    return [os.path.join(SOURCES, name) for name in FILES[language]]


# -- addresses and the answers of three programs -------------------------------------------------


def text_section(path):
    for line in run("readelf", "-SW", path).splitlines():
        found = re.search(r"\] \.text +\w+ +(\w+) \w+ (\w+)", line)
        if found:
            return int(found[1], 16), int(found[2], 16)
    sys.exit(f"{path}: no .text")


def some_addresses(path, n=N_ADDRESSES):
    start, size = text_section(path)
    randomly = random.Random(size)
    return [start + randomly.randrange(size) for _ in range(n)]


def as_text(addresses):
    return "".join(f"{address:#x}\n" for address in addresses)


def place(text):
    """FILE:LINE, "?" and 0 for what is unknown, without discriminator and column."""
    text = re.sub(r" \(discriminator \d+\)$", "", text)
    file, _, line = text.rpartition(":")
    file = "?" if file in ("??", "", "?") else os.path.normpath(file)
    line = int(line) if line.isdigit() else 0
    # Line 0 is "no line"; some say the file then, some do not.
    return (file if line else "?", line)


def ours(path, addresses, *options):
    """A chain of (linkage name, (file, line)) for each address."""
    chains = []
    for block in run(NAMES, *options, path, text_in=as_text(addresses)).split("\n\n"):
        frames = [line.split("\t") for line in block.strip("\n").split("\n") if line]
        chains.append([(frame[1], place(frame[2])) for frame in frames])
    return chains[: len(addresses)]


def llvm(path, addresses):
    out = run("llvm-symbolizer", "--obj=" + path, "--inlines", "--functions=linkage",
              "--no-demangle", text_in=as_text(addresses))
    chains = []
    for block in out.split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n") if line]
        chains.append([(name.replace("??", "?"), place(where.rpartition(":")[0]))
                       for name, where in zip(lines[::2], lines[1::2])])
    return chains[: len(addresses)]


def addr2line(path, addresses):
    out = run("addr2line", "-a", "-i", "-f", "-e", path, text_in=as_text(addresses))
    chains = []
    lines = iter(out.splitlines())
    for line in lines:
        if re.fullmatch(r"0x[0-9a-f]+", line):
            chains.append([])
        else:
            chains[-1].append((line.replace("??", "?"), place(next(lines))))
    return chains


# -- what may differ, and why --------------------------------------------------------------------


def base(name):
    """Without a clone's suffix, a version, and the number of a constructor's variant."""
    name = re.sub(r"(\.(cold|part|isra|constprop|lto_priv|llvm)(\.\d+)*)+$", "", name)
    return name.partition("@")[0]


def without_variant(name):
    return re.sub(r"([CD])[0-5](?=E|v|I)", r"\1_", base(name))


def same_places(a, b):
    return [frame[1] for frame in a] == [frame[1] for frame in b]


def same_names(a, b, normal):
    return [normal(frame[0]) for frame in a] == [normal(frame[0]) for frame in b]


def is_clone(mine, theirs, oracle, address):
    return same_places(mine, theirs) and same_names(mine, theirs, base)


def is_variant(mine, theirs, oracle, address):
    return same_places(mine, theirs) and same_names(mine, theirs, without_variant)


def is_outside(mine, theirs, oracle, address):
    return mine[0][0] == "?" and not oracle.is_covered(address)


def is_alias(mine, theirs, oracle, address):
    """Only the outermost name differs, and the symbol table has both at one address."""
    return (same_places(mine, theirs) and mine[:-1] == theirs[:-1]
            and oracle.address(mine[-1][0]) is not None
            and oracle.address(mine[-1][0]) == oracle.address(theirs[-1][0]))


def is_short(mine, theirs, oracle, address):
    """The outermost name: ours is the symbol's, theirs DWARF's short one."""
    return (same_places(mine, theirs) and mine[:-1] == theirs[:-1]
            and theirs[-1][0] in mine[-1][0])


def is_subsequence(few, many):
    rest = iter(many)
    return all(item in rest for item in few)


def is_lost(mine, theirs, oracle, address):
    return (oracle.sides_with_us(mine, address) and mine[0][1] == theirs[0][1]
            and is_subsequence([base(name) for name, _ in theirs],
                               [base(name) for name, _ in mine]))


def is_misnamed(mine, theirs, oracle, address):
    return oracle.sides_with_us(mine, address) and same_places(mine, theirs)


def is_misplaced(mine, theirs, oracle, address):
    return (oracle.sides_with_us(mine, address) and len(mine) == len(theirs) == 1
            and base(mine[0][0]) == base(theirs[0][0]) and mine[0][1][1] == theirs[0][1][1])


DIFFERENCES = [
    ("clone", is_clone, "a clone has the symbol's suffix (.cold, .part.0) with us, and in one of "
     "the others the name of the function that it was made of"),
    ("variant", is_variant, "DWARF describes the variants C1 and C2 of a constructor by one abstract "
     "C4; the symbol table, which has the last word with us, says which it is"),
    ("outside", is_outside, "code that neither a symbol nor DWARF covers, such as padding between "
     "functions: the others give the symbol before it, with us the size of a symbol is a limit"),
    ("alias", is_alias, "two symbols of one function: we take the global one, and the shorter"),
    ("short", is_short, "a function without a linkage name in DWARF: the symbol's name is ours"),
    ("lost", is_lost, "addr2line 2.40 passes over inlined calls whose ranges are given by an index "
     "(DW_FORM_rnglistx, by clang in version 5); llvm-symbolizer answers as we do"),
    ("misnamed", is_misnamed, "addr2line gives the symbol's name to the innermost inlined call if "
     "that has no linkage name; llvm-symbolizer answers as we do"),
    ("misplaced", is_misplaced, "addr2line 2.40 counts the files of version 5 wrongly where gcc lists "
     "the unit's own file twice; llvm-symbolizer answers as we do"),
]


class Oracle:
    """The plain file that others are asked about, and their answers, asked once."""

    def __init__(self, path, addresses):
        self.path, self.addresses = path, addresses
        self.answers = {"llvm-symbolizer": llvm(path, addresses),
                        "addr2line": addr2line(path, addresses)}
        self.by_address = dict(zip(addresses, self.answers["llvm-symbolizer"]))
        self.symbols = None

    def read_symbols(self):
        if self.symbols is not None:
            return
        self.symbols, self.extents = {}, []
        for line in run("nm", "-S", self.path).splitlines():
            words = line.split()
            if re.fullmatch("[tTwWiuV]", words[-2]):
                self.symbols[words[-1]] = words[0]
                if len(words) == 4:
                    start = int(words[0], 16)
                    self.extents.append((start, start + int(words[1], 16)))

    def address(self, name):
        self.read_symbols()
        return self.symbols.get(name)

    def sides_with_us(self, mine, address):
        """Does llvm-symbolizer answer as we do, but for what is explained otherwise?"""
        theirs = self.by_address[address]
        return mine == theirs or any(
            is_it(mine, theirs, self, address) for is_it in (is_clone, is_variant, is_alias))

    def is_covered(self, address):
        self.read_symbols()
        return any(start <= address < end for start, end in self.extents)


def classify(mine, theirs, oracle, address):
    for name, is_it, _ in DIFFERENCES:
        if is_it(mine, theirs, oracle, address):
            return name
    return None


def compare(label, oracle, chains):
    """Returns what is wrong, and prints one line of counts."""
    failures, counts = [], []
    for program, answers in oracle.answers.items():
        count = {"equal": 0}
        for address, mine, theirs in zip(oracle.addresses, chains, answers):
            kind = "equal" if mine == theirs else classify(mine, theirs, oracle, address)
            count[kind] = count.get(kind, 0) + 1
            if kind is None:
                failures.append(f"{label}: {address:#x}\n  we: {mine}\n  {program}: {theirs}")
        counts.append(program + " " + ", ".join(f"{n} {kind}" for kind, n in count.items()))
        if count["equal"] < len(oracle.addresses) // 2:
            failures.append(f"{label}: {program} agrees on {count['equal']} only")
    if len(chains) != len(oracle.addresses):
        failures.append(f"{label}: {len(chains)} answers to {len(oracle.addresses)} questions")
    print(f"{label}: " + "; ".join(counts), flush=True)
    return failures


# -- the matrix ----------------------------------------------------------------------------------


def compile_program(out, language, compiler, *flags):
    run(COMPILERS[language][compiler], "-g", "-I" + ROOT, *flags, "-o", out, *sources(language))


def check_variant(label, out, language, compiler, *flags):
    compile_program(out, language, compiler, *flags)
    oracle = Oracle(out, some_addresses(out))
    return oracle, compare(label, oracle, ours(out, oracle.addresses))


def variants():
    for language in COMPILERS:
        for compiler in COMPILERS[language]:
            for optimization in ("-O0", "-O2", "-O3"):
                for version in ("4", "5"):
                    # What is built twice a day by everybody, in the normal run.
                    is_usual = (optimization, version) in (("-O2", "5"), ("-O3", "4"))
                    if FULL or is_usual:
                        yield language, compiler, (optimization, "-gdwarf-" + version)
            links = [("-static",), ("-static-pie", "-fPIE"), ("-no-pie",), ("-pie", "-fPIE"),
                     ("-Wl,--build-id=none",), ("-ffunction-sections", "-Wl,--gc-sections")]
            for link in links if FULL else links[1:2] if language == "c" else []:
                yield language, compiler, ("-O2", *link)


# -- what packaging makes of a file ---------------------------------------------------------------


def strip(path):
    run("objcopy", "--strip-all", path, "stripped")
    return "stripped"


def debug_file(path):
    run("objcopy", "--only-keep-debug", path, "debug")
    return ["--debug", "debug", strip(path)]


def packed(kind):
    def pack(path):
        run("objcopy", "--compress-debug-sections=" + kind, path, "packed")
        return ["packed"]
    return pack


def packed_debug_file(path):
    arguments = debug_file(path)
    run("objcopy", "--compress-debug-sections=zstd", "debug")
    return arguments


def with_dwz(path):
    shutil.copy(path, "dwz")
    run("dwz", "dwz")
    return ["dwz"]


def with_common_dwz(path):
    for name in ("dwz", "other"):
        shutil.copy(path, name)
    run("dwz", "-m", "common", "dwz", "other")
    return ["--alternate", "common", "dwz"]


FORMS = {
    "debug file": debug_file,
    "zlib": packed("zlib"),
    "zlib, the old way": packed("zlib-gnu"),
    "zstd": packed("zstd"),
    "debug file, zstd": packed_debug_file,
    "dwz": with_dwz,
    "dwz with a common file": with_common_dwz,
}


def check_forms(oracle):
    failures = []
    sections = run("readelf", "-SW", oracle.path)
    for label, make in FORMS.items():
        # dwz 0.15 refuses files with this section.
        if "dwz" in label and ".debug_addr" in sections:
            continue
        *options, path = make(oracle.path)
        failures += compare(label, oracle, ours(path, oracle.addresses, *options))
    return failures


def named(path, addresses):
    return [chain[-1][0] for chain in ours(path, addresses, "--symbols")]


def check_small(path):
    """Symbols from .gnu_debugdata, as Fedora makes it: those that .dynsym has not, packed by xz."""
    addresses = some_addresses(path, 300)
    run("objcopy", "--only-keep-debug", "--remove-section=.debug_*", path, "small")
    run("xz", "-kf", "small")
    run("objcopy", "--strip-all", "--add-section", ".gnu_debugdata=small.xz", path, "packed")
    wanted, found = named(path, addresses), named("packed", addresses)
    without = named(strip(path), addresses)
    print(f"small symbols: {sum(name != '?' for name in found)} of {len(found)} have a name")
    return [] if wanted == found != without else ["small symbols: differ from those of .symtab"]


def check_stubs(path):
    """Stubs of the linker have the names that objdump gives to them."""
    listing = run("objdump", "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", path)
    stubs = dict(re.findall(r"^(\w+) <(\w+@plt)>:", listing, re.MULTILINE))
    found = named(strip(path), [int(address, 16) for address in stubs])
    print(f"stubs: {len(stubs)}")
    return [f"stubs: {address} is {theirs}, not {mine}"
            for (address, theirs), mine in zip(stubs.items(), found) if mine != theirs] or (
                [] if len(stubs) > 10 else ["stubs: objdump finds none"])


# -- split DWARF ---------------------------------------------------------------------------------


def check_split(compiler, version):
    """The split program has the same code as the plain one, whose answers it must give."""
    label = f"{compiler} split -gdwarf-{version}"
    flags = ("-O2", "-gdwarf-" + version)
    run("rm", "-rf", "split")
    os.mkdir("split")
    compile_program("plain", "cc", compiler, *flags)
    os.chdir("split")
    run(COMPILERS["cc"][compiler], "-g", *flags, "-gsplit-dwarf", "-c", *sources("cc"))
    run(COMPILERS["cc"][compiler], "-o", "program", "many.o")
    os.chdir("..")
    if text_section("plain") != text_section("split/program"):
        return [f"{label}: the split program is another one"]
    oracle = Oracle("plain", some_addresses("plain"))
    failures = compare(label, oracle, ours("split/program", oracle.addresses))
    run("llvm-dwp", "split/many.dwo", "-o", "split/program.dwp")
    os.unlink("split/many.dwo")
    failures += compare(label + ", packaged", oracle, ours(
        "split/program", oracle.addresses, "--package", "split/program.dwp"))
    without = ours("split/program", oracle.addresses)
    n = sum(mine[-1] == plain[-1] for mine, plain in zip(
        without, ours("plain", oracle.addresses)) if len(plain) == 1)
    if not n:
        failures.append(f"{label}: nothing is left without the .dwo file")
    return failures


# -- Rust ----------------------------------------------------------------------------------------


def check_rust(mangling):
    flags = ["-Cdebuginfo=2", "-Copt-level=2"]
    if mangling == "v0":
        flags += ["-Csymbol-mangling-version=v0", "-Zunstable-options"]
    os.environ["RUSTC_BOOTSTRAP"] = "1"
    run(RUSTC, *flags, "-o", "rust", os.path.join(SOURCES, "many.rs"))
    oracle = Oracle("rust", some_addresses("rust"))
    return compare("rust " + mangling, oracle, ours("rust", oracle.addresses))


def is_chosen(label):
    return os.environ.get("PERFCTL_TEST", "") in label


def main():
    failures = []
    with tempfile.TemporaryDirectory(prefix="perfctl-names-") as directory:
        os.chdir(directory)
        for language, compiler, flags in variants():
            label = " ".join((compiler, language, *flags))
            if not is_chosen(label):
                continue
            oracle, found = check_variant(label, "program", language, compiler, *flags)
            failures += found
            if flags == ("-O2", "-gdwarf-5") and language == "cc":
                failures += check_forms(oracle)
                failures += check_small(oracle.path) + check_stubs(oracle.path)
        for compiler in ("gcc", "clang"):
            for version in ("4", "5"):
                if is_chosen(f"{compiler} split"):
                    failures += check_split(compiler, version)
        for mangling in ("legacy", "v0") if FULL else ():
            if is_chosen("rust " + mangling):
                failures += check_rust(mangling)
    for failure in failures[::max(1, len(failures) // 20)]:
        print(failure)
    print(f"{len(failures)} unexplained")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
