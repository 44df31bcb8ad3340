/* Running single passes on hand-made graphs, and the graphs themselves before and after, node by
 * node with the reference kernels. */
#pragma once

#include "core/passes/passes.h"

/* All passes, nobody to compute constants. */
extern const GonioPassOptions everything;

/* One pass with inference around it and a check after it; how much it changed. */
guint run_pass (GonioGraph *graph, const char *name, const GonioPassOptions *options);
/* The same, then dead code goes; the first output must keep its numbers. */
guint try_pass (GonioGraph *graph, const char *name);
/* try_pass() that must, or must not, change something. */
void fires (GonioGraph *graph, const char *name);
void stays (GonioGraph *graph, const char *name);

guint n_nodes (const GonioGraph *graph);
/* Constants with numbers that differ from each other; of any sign, and positive. */
GonioValueId weights (GonioGraph *graph, const char *name, const char *shape);
GonioValueId variances (GonioGraph *graph, const char *name, const char *shape);
/* A batch norm of x with n channels, constants as above. */
GonioValueId add_batch_norm (GonioGraph *graph, GonioValueId x, const char *n);
/* Attributes of the node that makes value. */
void set_ints (GonioGraph *graph, GonioValueId value, const char *name, guint n, ...);
void set_int (GonioGraph *graph, GonioValueId value, const char *name, int64_t number);
