/* What the window's engine measures with: the program's backends, models and protocols. */
#pragma once

#include "ui/model/gonio-engine.h"

G_BEGIN_DECLS

const GonioEngineSource *gonio_engine_source (void);

G_END_DECLS
