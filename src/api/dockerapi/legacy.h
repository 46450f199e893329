// Answers in the shape that older API versions promised. Each adapt() turns a struct filled for the
// newest version (kMaxVersion) into what a client of `version` gets from Docker 28.5, and is called
// last, before writing.
#pragma once

#include "api/dockerapi/container.h"
#include "api/dockerapi/image.h"
#include "api/dockerapi/system.h"
#include "api/dockerapi/versions.h"

namespace dockerapi {

void adapt(ContainerSummary& summary, ApiVersion version);
void adapt(ContainerInspect& inspect, ApiVersion version);
void adapt(ImageSummary& summary, ApiVersion version);
void adapt(ImageInspect& inspect, ApiVersion version);
void adapt(DiskUsage& usage, ApiVersion version);
void adapt(Info& info, ApiVersion version);
// Below 1.52, so for every client now: status, id and from of the first API.
void adapt(EventMessage& event, ApiVersion version);

}  // namespace dockerapi
