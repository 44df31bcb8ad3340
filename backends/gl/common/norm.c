/* Normalisations of images: InstanceNormalization, GroupNormalization, MeanVarianceNormalization,
 * LRN. Depends on reduce. */
#include "backends/gl/common/reduce.h"

#include <string.h>

static GonioShape
shape_of (const GonioGlLower *lower)
{
  return gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
}

static const char *
image_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  return shape.rank < 3 || gonio_gl_count (&shape) == 0 ? "not an image" : NULL;
}

/* ---- by mean and variance ---- */

typedef struct {
  guint gone;  /* axes that share a mean */
  int members; /* channels that do; 1: each has its own */
  const char *rate;
  float epsilon;
  gboolean gain;
} Norm;

/* Groups' averages of channels' averages. */
static gboolean
average_groups (GonioGlLower *lower, const GonioShape *shape, const Norm *norm, gint64 texels,
                GonioGlSlot *slot, GError **error)
{
  GonioGlStep step = {.kernel = "group-mean.glsl", .inputs = {*slot}, .n_inputs = 1};
  if (norm->members == 1)
    return TRUE;
  step.params[0] = (int)shape->dims[1];
  step.params[1] = norm->members;
  step.reads = 4 * norm->members;
  step.output = *slot = gonio_gl_scratch (lower, texels);
  return gonio_gl_add (lower, &step, error);
}

/* The average over the axes of x, or of its squared difference from `mean`. */
static gboolean
average (GonioGlLower *lower, const GonioShape *shape, const Norm *norm, GonioGlSlot in,
         const GonioGlSlot *mean, GonioGlSlot *out_slot, GError **error)
{
  GonioGlAxes axes = gonio_gl_axes_image (shape, norm->gone);
  GonioGlFold fold = {mean ? "(x - s) * (x - s)" : "x", "a + b", "0.0", "a * f[2]", {0}};
  gint64 results, places, texels = gonio_gl_axes_texels (&axes);
  gonio_gl_axes_count (&axes, &results, &places);
  fold.numbers[0] = 1.0f / (float)places;
  *out_slot = gonio_gl_scratch (lower, texels);
  return gonio_gl_fold (lower, &axes, &fold, in, mean, *out_slot, error) &&
         average_groups (lower, shape, norm, texels, out_slot, error);
}

static gboolean
add_norm (GonioGlLower *lower, const Norm *norm, GError **error)
{
  GonioShape shape = shape_of (lower);
  GonioGlStep step = {.kernel = "channel-norm.glsl", .n_inputs = norm->gain ? 5 : 3};
  int batch;
  gonio_gl_image_sizes (&shape, &batch, &step.params[0], &step.params[1]);
  step.params[2] = !(norm->gone & 1);
  step.floats[2] = norm->epsilon;
  if (!gonio_gl_read (lower, 0, GONIO_GL_IMAGE, &step.inputs[0], error) ||
      !average (lower, &shape, norm, step.inputs[0], NULL, &step.inputs[1], error) ||
      !average (lower, &shape, norm, step.inputs[0], &step.inputs[1], &step.inputs[2], error))
    return FALSE;
  for (guint i = 3; i < step.n_inputs; i++)
    if (!gonio_gl_read (lower, i - 2, GONIO_GL_PLAIN, &step.inputs[i], error))
      return FALSE;
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  step.defines = g_strconcat ("RATE ", norm->rate, norm->gain ? ";GAIN 1" : "", NULL);
  return gonio_gl_add (lower, &step, error);
}

static const char *
channels_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, 0));
  gint64 groups = gonio_node_attr_int (node, "num_groups", 1);
  if (image_claim (graph, node))
    return image_claim (graph, node);
  for (guint i = 1; i < 3; i++) {
    GonioShape own = gonio_gl_shape (gonio_gl_in (graph, node, i));
    if (gonio_gl_count (&own) != shape.dims[1])
      return "a parameter does not fit the channels";
  }
  return groups < 1 || shape.dims[1] % groups != 0 ? "num_groups does not fit the channels" : NULL;
}

static gboolean
channels_lower (GonioGlLower *lower, GError **error)
{
  GonioShape shape = shape_of (lower);
  gboolean group = lower->node->op == GONIO_OP_GROUP_NORMALIZATION;
  gint64 groups = gonio_node_attr_int (lower->node, "num_groups", 1);
  Norm norm = {.gone = (1u << shape.rank) - 4,
               .members = group ? (int)(shape.dims[1] / groups) : 1,
               .rate = "1.0 / sqrt (variance + f[2])",
               .epsilon = gonio_node_attr_float (lower->node, "epsilon", 1e-5f),
               .gain = TRUE};
  return add_norm (lower, &norm, error);
}

/* ---- MeanVarianceNormalization ---- */

static gboolean
find_axes (const GonioNode *node, int rank, guint *out_gone)
{
  static const int64_t usual[] = {0, 2, 3};
  guint n = 0;
  const int64_t *axes = gonio_node_attr_ints (node, "axes", &n);
  if (!axes) {
    axes = usual;
    n = G_N_ELEMENTS (usual);
  }
  *out_gone = 0;
  for (guint i = 0; i < n; i++) {
    if (axes[i] < -rank || axes[i] >= rank)
      return FALSE;
    *out_gone |= 1u << (axes[i] < 0 ? axes[i] + rank : axes[i]);
  }
  return TRUE;
}

static const char *
mvn_claim (const GonioGraph *graph, const GonioNode *node)
{
  int rank = gonio_gl_shape (gonio_gl_in (graph, node, 0)).rank;
  guint gone;
  if (image_claim (graph, node))
    return image_claim (graph, node);
  if (!find_axes (node, rank, &gone) || (gone & ~1u) != (1u << rank) - 4)
    return "only means of whole planes are supported";
  return NULL;
}

static gboolean
mvn_lower (GonioGlLower *lower, GError **error)
{
  Norm norm = {.members = 1, .rate = "1.0 / (sqrt (variance) + 1.0e-9)"};
  (void)find_axes (lower->node, shape_of (lower).rank, &norm.gone); /* as claimed */
  return add_norm (lower, &norm, error);
}

/* ---- LRN ---- */

static const char *
lrn_claim (const GonioGraph *graph, const GonioNode *node)
{
  gint64 size = gonio_node_attr_int (node, "size", 0);
  if (image_claim (graph, node))
    return image_claim (graph, node);
  return size < 1 || size > 1 << 16 ? "size is out of range" : NULL;
}

static gboolean
lrn_lower (GonioGlLower *lower, GError **error)
{
  GonioShape shape = shape_of (lower);
  GonioGlStep step = {.kernel = "lrn.glsl", .n_inputs = 1};
  int batch, size = (int)gonio_node_attr_int (lower->node, "size", 0);
  gonio_gl_image_sizes (&shape, &batch, &step.params[0], &step.params[1]);
  step.params[2] = (size - 1) / 2;
  step.params[3] = size / 2;
  step.floats[2] = gonio_node_attr_float (lower->node, "alpha", 1e-4f) / (float)size;
  step.floats[3] = gonio_node_attr_float (lower->node, "beta", 0.75f);
  step.floats[4] = gonio_node_attr_float (lower->node, "bias", 1);
  step.reads = MIN (size + 4, shape.dims[1]);
  if (!gonio_gl_read (lower, 0, GONIO_GL_IMAGE, &step.inputs[0], error))
    return FALSE;
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_norm[] = {
    {GONIO_OP_GROUP_NORMALIZATION, channels_claim, channels_lower, 0},
    {GONIO_OP_INSTANCE_NORMALIZATION, channels_claim, channels_lower, 0},
    {GONIO_OP_LRN, lrn_claim, lrn_lower, 0},
    {GONIO_OP_MEAN_VARIANCE_NORMALIZATION, mvn_claim, mvn_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
