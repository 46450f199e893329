#!/usr/bin/env python3
"""Writes syscall_tables.inc: the system calls that this library knows, by name, with their numbers on each architecture.

Numbers up to the installed kernel headers' come from there; those that newer kernels added have one number everywhere
and stand in NEWER below (include/uapi of the kernel that added them). Run it when headers or NEWER change.
"""
import re
import sys

NEWER = {
    "cachestat": 451, "fchmodat2": 452, "map_shadow_stack": 453, "futex_wake": 454, "futex_wait": 455,
    "futex_requeue": 456, "statmount": 457, "listmount": 458, "lsm_get_self_attr": 459, "lsm_set_self_attr": 460,
    "lsm_list_modules": 461, "mseal": 462, "setxattrat": 463, "getxattrat": 464, "listxattrat": 465,
    "removexattrat": 466, "open_tree_attr": 467, "file_getattr": 468, "file_setattr": 469,
}
# Only on x86-64, outside of the common range.
NEWER_X86_64 = {"uretprobe": 335, "uprobe": 336}


def read(path, offset=""):
    table = {}
    for line in open(path):
        found = re.match(r"#define __NR_(\w+) \(?(?:__X32_SYSCALL_BIT \+ )?(\d+)\)?", line)
        if found and found.group(1) not in ("syscalls", "arch_specific_syscall"):
            table[found.group(1)] = int(found.group(2))
    return table


def read_generic(path):
    """asm-generic/unistd.h as a 64-bit architecture without legacy calls sees it (arm64)."""
    table, names = {}, {}
    for line in open(path):
        found = re.match(r"#define __NR(3264)?_(\w+) (\d+)", line)
        if found:
            (names if found.group(1) else table)[found.group(2)] = int(found.group(3))
    for name, number in names.items():
        # 64-bit: __NR_fcntl is __NR3264_fcntl and so on; two have other names there.
        table[{"fadvise64": "fadvise64", "fstatat": "newfstatat"}.get(name, name)] = number
    for name in ("syscalls", "arch_specific_syscall", "sync_file_range2", "fstatat64"):
        table.pop(name, None)
    return table


def main():
    base = "/usr/include/x86_64-linux-gnu/asm/"
    tables = {
        "x86_64": read(base + "unistd_64.h"),
        "x86": read(base + "unistd_32.h"),
        "x32": read(base + "unistd_x32.h"),
        "arm64": read_generic("/usr/include/asm-generic/unistd.h"),
    }
    for table in tables.values():
        table.update(NEWER)
    tables["x86_64"].update(NEWER_X86_64)
    names = sorted(set().union(*tables.values()))
    with open("syscall_tables.inc", "w") as out:
        out.write("// Made by make_tables.py. {name, {x86_64, x86, x32 without its bit, arm64}}; -1: no such call there.\n")
        for name in names:
            numbers = ", ".join(str(tables[arch].get(name, -1)) for arch in ("x86_64", "x86", "x32", "arm64"))
            out.write('{"%s", {%s}},\n' % (name, numbers))
    print(len(names), "calls", {arch: len(table) for arch, table in tables.items()}, file=sys.stderr)


if __name__ == "__main__":
    main()
