// CVE-2019-5736: a container could reach the file that the runtime was started from through
// /proc/PID/exe and write into it. So nothing of a container is ever a child of that file.
#pragma once

namespace ociruntime {

// Unless this process runs from a sealed copy of its program already: makes one in memory and
// starts it anew from there, with the same arguments. Returns in the copy. Error kInternal when
// that cannot be done.
void runFromSealedCopy(char** argv, char** env);

}  // namespace ociruntime
