// The structs of Docker's Go client behind the answers of the engine, for templates.
#pragma once

#include "platform/gotemplate/data.h"

namespace commands {

// `typed`: Data::of() a struct of dockerapi. Fields get Go's names ({{.ID}}, {{.HostConfig.DNS}}),
// embedded structs can be named ({{.HostConfig.Resources.Memory}}), modes and ports have their
// methods ({{.HostConfig.NetworkMode.IsHost}}), times print as Go's.
gotemplate::Data goShape(const gotemplate::Data& typed);

}  // namespace commands
