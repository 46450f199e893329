// What the engine itself puts into the root file system of every container: places to mount on, and
// /.dockerenv, by which programs know that they are in a container. None of it is a change of the
// container's: `docker diff` does not list it, and a layer made from the container lacks it.
#pragma once

#include <sys/stat.h>

#include <string>

namespace files {

// Makes what is missing; a directory that was there keeps its time, and with it counts as
// unchanged. `root` is writable; its links do not lead out of it.
void makeMountPoints(int root);

// Whether an added node ("etc/hosts", without a slash in front) is one of them and still as it was
// made. Directories: if nothing is in them that the container added.
bool isMountPoint(const std::string& path, const struct stat& status);

}  // namespace files
