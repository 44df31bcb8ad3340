/* Matrix products in plain form. Depends on lower. */
#include "backends/gl/common/lower.h"

#include <string.h>

/* Products side by side: both sides have them, or one side serves all. */
static const char *
read_matmul (const GonioGraph *graph, const GonioNode *node, int params[11])
{
  GonioShape a = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  GonioShape b = gonio_gl_shape (gonio_gl_in (graph, node, 1));
  if (a.rank < 2 || b.rank < 2)
    return "a side is a vector";
  int64_t products[2] = {1, 1};
  const GonioShape *sides[2] = {&a, &b};
  for (int s = 0; s < 2; s++)
    for (int i = 0; i + 2 < sides[s]->rank; i++)
      products[s] *= sides[s]->dims[i];
  for (int i = 3; i <= MAX (a.rank, b.rank) && products[0] != 1 && products[1] != 1; i++)
    if (i > a.rank || i > b.rank || a.dims[a.rank - i] != b.dims[b.rank - i])
      return "the sides' batches differ";
  int m = (int)a.dims[a.rank - 2], k = (int)a.dims[a.rank - 1], n = (int)b.dims[b.rank - 1];
  const int all[11] = {
      m, n, k, k, 1, n, 1, products[0] != 1 ? m * k : 0, products[1] != 1 ? k * n : 0};
  memcpy (params, all, sizeof all);
  return NULL;
}

static const char *
matmul_claim (const GonioGraph *graph, const GonioNode *node)
{
  int params[11];
  return read_matmul (graph, node, params);
}

/* A product whose sizes are in the step. */
static gboolean
add_product (GonioGlLower *lower, GonioGlStep *step, GError **error)
{
  step->kernel = "matmul.glsl";
  step->reads = (gint64)step->params[2] * 8;
  for (guint i = 0; i < step->n_inputs; i++)
    if (!gonio_gl_read (lower, i, GONIO_GL_PLAIN, &step->inputs[i], error))
      return FALSE;
  step->output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  g_autofree char *activation = gonio_gl_activation (lower->node, step);
  step->defines = g_strconcat (activation, step->n_inputs > 2 ? ";BIAS 1" : "", NULL);
  return gonio_gl_add (lower, step, error);
}

static gboolean
matmul_lower (GonioGlLower *lower, GError **error)
{
  GonioGlStep step = {.n_inputs = 2, .floats = {0, 0, 1, 0}};
  (void)read_matmul (lower->graph, lower->node, step.params); /* as claimed */
  return add_product (lower, &step, error);
}

static const char *
gemm_claim (const GonioGraph *graph, const GonioNode *node)
{
  return gonio_gl_in (graph, node, 2) && gonio_gl_shape (gonio_gl_in (graph, node, 2)).rank > 2
             ? "the summand has more than two axes"
             : NULL;
}

static gboolean
gemm_lower (GonioGlLower *lower, GError **error)
{
  const GonioNode *node = lower->node;
  GonioShape a = gonio_gl_shape (gonio_gl_in (lower->graph, node, 0));
  GonioShape b = gonio_gl_shape (gonio_gl_in (lower->graph, node, 1));
  gboolean turn_a = gonio_node_attr_int (node, "transA", 0) != 0;
  gboolean turn_b = gonio_node_attr_int (node, "transB", 0) != 0;
  int m = (int)a.dims[turn_a], k = (int)a.dims[!turn_a], n = (int)b.dims[!turn_b];
  GonioGlStep step = {.n_inputs = gonio_gl_in (lower->graph, node, 2) ? 3 : 2,
                      .floats = {0, 0, gonio_node_attr_float (node, "alpha", 1),
                                 gonio_node_attr_float (node, "beta", 1)}};
  const int params[] = {m, n, k, turn_a ? 1 : k, turn_a ? m : 1, turn_b ? 1 : n, turn_b ? k : 1};
  memcpy (step.params, params, sizeof params);
  if (step.n_inputs == 3) {
    GonioShape c = gonio_gl_shape (gonio_gl_in (lower->graph, node, 2));
    int columns = c.rank > 0 ? (int)c.dims[c.rank - 1] : 1;
    step.params[9] = c.rank == 2 && c.dims[0] != 1 ? columns : 0;
    step.params[10] = columns != 1;
  }
  return add_product (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_matmul[] = {
    {GONIO_OP_GEMM, gemm_claim, gemm_lower, 0},
    {GONIO_OP_MATMUL, matmul_claim, matmul_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
