// The last steps: where the program stands, what it is called with, which file it is, and execve.
#include "runtime/launch/child.h"

namespace launch {

namespace {

// A directory outside of the root has no path: the kernel says "(unreachable)…" or ENOENT
// (CVE-2024-21626).
void checkInsideRoot(ChildState& state) noexcept {
  char here[4096];
  const long size = sysraw::call(__NR_getcwd, here, sizeof here);
  if (size == -ERANGE || size == -ENAMETOOLONG) return;  // deep, and the kernel found its path
  if (size < 0 || here[0] != '/') {
    state.fail(size < 0 ? size : 0,
               "current working directory is outside of container mount namespace root -- possible "
               "container breakout detected");
  }
}

long changeDirectory(ChildState& state) noexcept {
  const char* path = state.root.cwd.size ? state.text(state.root.cwd) : "/";
  return sysraw::call(__NR_chdir, path);
}

const char* variable(const ChildState& state, const char* nameAndEquals) noexcept {
  const char* value = nullptr;
  for (std::uint32_t i = 0; i < state.root.env.count; ++i) {
    const char* entry = state.text(state.plan.at(state.root.env, i));
    if (startsWith(entry, nameAndEquals)) value = entry + length(nameAndEquals);
  }
  return value;
}

// 0 when `path` can be executed by us; a negative errno as Go's exec.LookPath finds it.
long executable(const char* path) noexcept {
  struct stat info {};
  const long failed = kernel::statAt(AT_FDCWD, path, info, 0);
  if (failed < 0) return failed;
  if (S_ISDIR(info.st_mode)) return -EISDIR;
  const long access =
      sysraw::call(__NR_faccessat2, AT_FDCWD, path, 1 /* X_OK */, 0x200 /* AT_EACCESS */);
  // An older filter answers EPERM to a call that it does not know.
  if (access != -ENOSYS && access != -EPERM) return access;
  return (info.st_mode & 0111) != 0 ? 0 : -EACCES;
}

}  // namespace

void enterCwd(ChildState& state) noexcept {
  state.enter(Step::kCwd);
  // A failure here is not final: on network file systems root may see less than the user.
  if (changeDirectory(state) < 0) sysraw::call(__NR_chdir, "/");
  checkInsideRoot(state);
}

void prepareProgram(ChildState& state, const Identity& identity, Program& program) noexcept {
  state.enter(Step::kLookup);
  const std::size_t pointers = state.root.argv.count + state.root.env.count + 4u;
  auto** memory =
      static_cast<char**>(kernel::mapMemory(pointers * sizeof(char*) + sizeof identity.home + 8));
  if (!memory) state.fail(ENOMEM, "memory for arguments");
  program.argv = memory;
  for (std::uint32_t i = 0; i < state.root.argv.count; ++i) {
    *memory++ = const_cast<char*>(state.text(state.plan.at(state.root.argv, i)));
  }
  *memory++ = nullptr;
  program.env = memory;
  bool hasHome = false;
  for (std::uint32_t i = 0; i < state.root.env.count; ++i) {
    const char* entry = state.text(state.plan.at(state.root.env, i));
    if (startsWith(entry, "HOME=")) {
      if (entry[5] == 0) continue;  // empty counts as missing
      hasHome = true;
    }
    *memory++ = const_cast<char*>(entry);
  }
  if (!hasHome) {
    char* text = reinterpret_cast<char*>(memory + 2);
    Line(text, sizeof identity.home + 8)
        .add("HOME=")
        .add(identity.hasHome && identity.home[0] ? identity.home : "/");
    *memory++ = text;
  }
  *memory = nullptr;
}

void findProgram(ChildState& state, Program& program) noexcept {
  // Once more as the user, whose right to stand there it is.
  state.enter(Step::kCwd);
  if (const long failed = changeDirectory(state); failed < 0) {
    state.fail(failed, "chdir to cwd (", Quoted{state.text(state.root.cwd)},
               ") set in config.json failed");
  }
  checkInsideRoot(state);

  state.enter(Step::kLookup);
  const char* name = program.argv[0];
  bool slash = false;
  for (const char* at = name; *at; ++at) slash |= *at == '/';
  if (slash) {
    const long found = executable(name);
    if (found == -ENOENT || found == -ENOTDIR || found == -ELOOP || found == -ENAMETOOLONG) {
      state.fail(found, "exec: ", Quoted{name}, ": stat ", name);
    }
    state.check(found, "exec: ", Quoted{name});
    Line path(program.path, sizeof program.path);
    path.add(name);
    if (path.cut()) state.fail(ENAMETOOLONG, "exec: ", Quoted{name});
    return;
  }
  const char* search = variable(state, "PATH=");
  while (search && *name) {
    Line path(program.path, sizeof program.path);
    std::size_t used = 0;
    char directory[4096];
    while (*search && *search != ':') {
      if (used + 1 < sizeof directory) directory[used++] = *search;
      ++search;
    }
    directory[used] = 0;
    path.add(used ? directory : ".").add("/").add(name);
    if (!path.cut() && executable(program.path) == 0) {
      if (program.path[0] == '/') return;
      state.fail(0, "exec: ", Quoted{name},
                 ": cannot run executable found relative to current directory");
    }
    if (*search == 0) break;
    ++search;
  }
  state.fail(0, "exec: ", Quoted{name}, ": executable file not found in $PATH");
}

void hold(ChildState& state) noexcept {
  state.enter(Step::kHold);
  state.send(MessageKind::kHeld);
  char byte = 0;
  if (const long got = kernel::read(state.hold, &byte, 1); got != 1)
    state.fail(got, "wait for the start");
  kernel::close(state.hold);
  state.send(MessageKind::kExecing);
}

void execute(ChildState& state, Program& program) noexcept {
  state.enter(Step::kExec);
  const long failed = sysraw::call(__NR_execve, program.path, program.argv, program.env);
  state.fail(failed, "exec ", static_cast<const char*>(program.path));
}

}  // namespace launch
