#include "backends/gl/common/lower.h"

/* ---- facts ---- */

const GonioValue *
gonio_gl_in (const GonioGraph *graph, const GonioNode *node, guint i)
{
  if (i >= node->n_inputs || node->inputs[i] == GONIO_VALUE_NONE)
    return NULL;
  return gonio_graph_value (graph, node->inputs[i]);
}

const GonioValue *
gonio_gl_out (const GonioGraph *graph, const GonioNode *node, guint i)
{
  if (i >= node->n_outputs || node->outputs[i] == GONIO_VALUE_NONE)
    return NULL;
  return gonio_graph_value (graph, node->outputs[i]);
}

GonioShape
gonio_gl_shape (const GonioValue *value)
{
  GonioShape shape = GONIO_SHAPE_SCALAR;
  (void)gonio_sym_shape_known (&value->shape, &shape);
  return shape;
}

gint64
gonio_gl_count (const GonioShape *shape)
{
  int64_t count = 0;
  return gonio_shape_count (shape, &count) ? count : G_MAXINT64;
}

void
gonio_gl_image_sizes (const GonioShape *shape, int *out_batch, int *out_channels, int *out_rest)
{
  int64_t rest = 1;
  for (int i = 2; i < shape->rank; i++)
    rest *= shape->dims[i];
  *out_batch = (int)shape->dims[0];
  *out_channels = (int)shape->dims[1];
  *out_rest = (int)rest;
}

gint64
gonio_gl_texels (const GonioShape *shape, GonioGlForm form)
{
  gint64 count = gonio_gl_count (shape);
  if (form == GONIO_GL_PLAIN || count == 0)
    return (count + 3) / 4;
  return count / shape->dims[1] * ((shape->dims[1] + 3) / 4);
}

/* ---- lowering ---- */

gboolean
gonio_gl_table (GonioGlLower *lower, const gint32 *numbers, gsize n, GonioGlSlot *out_slot,
                GError **error)
{
  GonioShape shape = GONIO_SHAPE ((int64_t)n);
  g_autoptr (GonioTensor) table = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, error);
  float *floats = table ? gonio_tensor_writable_data (table) : NULL;
  for (gsize i = 0; floats && i < n; i++)
    floats[i] = (float)numbers[i];
  if (table)
    *out_slot = gonio_gl_exact_numbers (lower, table);
  return table != NULL;
}

char *
gonio_gl_activation (const GonioNode *node, GonioGlStep *step)
{
  GonioActivation activation = gonio_node_activation (node);
  step->floats[0] =
      CLAMP (activation.params[0], -G_MAXFLOAT, G_MAXFLOAT); /* no infinite uniforms */
  step->floats[1] = CLAMP (activation.params[1], -G_MAXFLOAT, G_MAXFLOAT);
  return g_strdup_printf ("ACT %d", (int)activation.kind);
}
