/* A model of one node as an ONNX file: written, loaded, run by the reference kernels. For
 * operators that the importer puts together from others.
 *
 *   g_autoptr (NodeCase) c = node_case_new ("com.microsoft", 1, "Gelu", "x", "y");
 *   node_case_give (c, "x", NULL, TENSOR (FLOAT, "2", 1, 2));
 *   node_case_expect (c, 0, "2", 2, expected, 1e-6);
 */
#pragma once

#include "core/graph/graph.h"
#include "tests/support/onnx-writer.h"

typedef struct {
  GByteArray *file, *node; /* the graph and its node; taken by the run */
  char *domain;
  int version;
  GPtrArray *inputs; /* GonioTensor*, in the order of the graph's inputs */
  GonioGraph *graph; /* after a run that loaded */
  GonioTensor **outputs;
  guint n_outputs;
  GError *error;
} NodeCase;

/* domain "": version is that of ai.onnx; otherwise ai.onnx has version 21. Names as for
 * onnx_node(). Attributes are added to ->node. */
NodeCase *node_case_new (const char *domain, int version, const char *op, const char *inputs,
                         const char *outputs);
void node_case_free (NodeCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (NodeCase, node_case_free)

/* A graph input declared with a shape as "N ? 3" (NULL: that of the tensor) and its value.
 * (transfer full) */
void node_case_give (NodeCase *c, const char *name, const char *shape, GonioTensor *tensor);
/* The same as an initializer. */
void node_case_hold (NodeCase *c, const char *name, GonioTensor *tensor);
/* FALSE: ->error says why. Runs once. */
gboolean node_case_run (NodeCase *c);
/* Runs if it has not run; output i has that shape and those numbers, up to tolerance times
 * (1 + magnitude). */
void node_case_expect (NodeCase *c, guint i, const char *shape, guint n, const double *values,
                       double tolerance);
/* Loading or running fails with a message that holds text. */
void node_case_refused (NodeCase *c, const char *text);
