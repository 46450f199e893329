// PID 1 of a container started with --init: starts one program, hands signals on to it, reaps what
// is orphaned and ends as the program ended.
#pragma once

namespace init {

// argv: {"sampan-init", "--", program, arguments…}; the "--" may be missing. Returns the exit code
// for main: that of the program, 128 + signal when one killed it, 127 when there is no such
// program, 126 when it cannot be executed, 125 when this program was called wrongly. What it
// started is dead when this is PID 1 and it returns; the kernel sees to it.
int run(int argc, char** argv, char** envp) noexcept;

}  // namespace init
