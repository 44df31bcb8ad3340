/* What one run of a model would cost, from its shapes alone. Depends on cli.h, core/plan. */
#pragma once

#include "app/cli/cli.h"

G_BEGIN_DECLS

typedef struct {
  double flops;             /* convolutions and matrix products, 2 for each multiply-add */
  guint64 activation_bytes; /* of all computed values */
  guint64 peak_bytes;       /* of the inputs and values that are needed at the same time, most */
  guint n_unknown;          /* computed values whose size depends on the data, not counted */
} GonioEstimate;

/* dims: "NAME=SIZE" for free dimensions, nullable; others are 1. Subgraphs are not counted.
 * An error when the shapes of the model contradict each other. */
gboolean gonio_cli_estimate (const GonioGraph *graph, char **dims, GonioEstimate *out_estimate,
                             GError **error);

G_END_DECLS
