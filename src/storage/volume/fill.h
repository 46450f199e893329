// A volume's first contents, copied from the image so that no kill leaves half of them.
//
// The copy is made in a directory `copying`, becomes `copied` by one rename when it is whole, and
// its entries are then moved into the volume. What is found under `copying` later is thrown away;
// under `copied` the moving goes on.
#pragma once

#include <string>

namespace volume {

struct Staging {
  int dir;  // borrowed; on the file system of the volume
  std::string copying;
  std::string copied;
};

// Inside the volume itself, for those that are file systems of their own.
Staging stagingInside(int volume);

// Copies `image` into `volume` (both open directories) if that is empty. True: the volume was
// empty.
bool fill(int volume, int image, const Staging& staging);

// Goes on where a kill interrupted fill(). True: there was something to finish or throw away.
bool finishFill(int volume, const Staging& staging);

}  // namespace volume
