/* Two small backends for tests of planning and running. They compute Relu, Neg, Add (equal
 * shapes), GlobalAveragePool and NonZero on floats, and Reshape to a shape given at run time as a
 * view, node by node.
 */
#pragma once

#include "core/session/backend.h"

/* Works in NHWC where it can and averages only in NHWC. Refuses nodes whose name starts with
 * "host" and NonZero, claims but cannot compile nodes whose name starts with "uncompilable". */
extern const GonioBackendDef gonio_fake_fast;
/* The same, and may be lost: when the hook fails with GONIO_BACKEND_ERROR_REFUSED, it refuses the
 * node. */
extern const GonioBackendDef gonio_fake_fleeting;
/* Takes everything, plain. */
extern const GonioBackendDef gonio_fake_host;

/* Called before each node while set; FALSE makes the run fail. Tests only, one at a time. */
typedef gboolean (*GonioFakeHook) (const GonioNode *node, gpointer data, GError **error);
void gonio_fake_set_hook (GonioFakeHook hook, gpointer data);
/* Regions compiled and not freed, backends created and not destroyed. */
int gonio_fake_alive (void);
/* Most runs of one compiled region that were ever inside at once. */
int gonio_fake_most_at_once (void);
/* What the backend created last was asked for. */
GonioPrecision gonio_fake_precision (void);
