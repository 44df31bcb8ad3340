/* The constants of a model: initializers, those of subgraphs, and what Constant nodes hold.
 * Depends on core/graph. */
#pragma once

#include "core/graph/graph.h"

G_BEGIN_DECLS

typedef struct {
  char *name; /* in a subgraph "<node>/<attribute>/<name>" */
  GonioTensor *tensor;
} GonioInitializer;

/* GPtrArray of GonioInitializer, with a free function. */
GPtrArray *gonio_cli_initializers (const GonioGraph *graph);
/* Writes each as dir/<name>.npy; types that NumPy lacks are widened (bfloat16 to float32). Makes
 * dir. GONIO_LOAD_ERROR or G_IO_ERROR, at the first that cannot be written. */
gboolean gonio_cli_export_initializers (const GPtrArray *initializers, const char *dir,
                                        GError **error);

G_END_DECLS
