/* Writing a model with types and shapes filled in. Depends on graph; no protobuf type leaves the
 * folder. */
#pragma once

#include "core/graph/graph.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* Copies the model file byte by byte, but for the types and shapes of the values that nodes of
 * the main graph compute: what inferred (a graph loaded from the same file, shapes inferred)
 * knows of them is written into the graph's outputs and value_info. What the file states and
 * inference does not know stays, and so do sequences, optional values and subgraphs.
 *
 * The new file appears whole or not at all, and only when it can be loaded: a model with external
 * data can only be written beside it. out_path may be path. *out_values: how many values got a
 * type. GONIO_LOAD_ERROR. Blocking. */
gboolean gonio_onnx_save_annotated (const char *path, const GonioGraph *inferred,
                                    const char *out_path, guint *out_values, GError **error);

G_END_DECLS
