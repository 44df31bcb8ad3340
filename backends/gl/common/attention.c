/* Attention and RotaryEmbedding in plain form. Depends on rows. */
#include "backends/gl/common/rows.h"

#include <math.h>
#include <string.h>

typedef struct {
  gint64 batch, heads, length, size;
} Dims;

/* Batch x heads x length x size, or batch x length x (heads x size): packed. */
static gboolean
read_dims (const GonioValue *value, gint64 heads, Dims *out)
{
  GonioShape shape = gonio_gl_shape (value);
  if (shape.rank == 4) {
    *out = (Dims){shape.dims[0], shape.dims[1], shape.dims[2], shape.dims[3]};
    return TRUE;
  }
  if (shape.rank != 3 || heads < 1 || shape.dims[2] % heads != 0)
    return FALSE;
  *out = (Dims){shape.dims[0], heads, shape.dims[1], shape.dims[2] / heads};
  return TRUE;
}

/* Steps from batch to batch, head to head, row to row. */
static void
write_steps (const Dims *dims, gboolean packed, int steps[3])
{
  steps[0] = (int)(dims->heads * dims->length * dims->size);
  steps[1] = (int)(packed ? dims->size : dims->length * dims->size);
  steps[2] = (int)(packed ? dims->heads * dims->size : dims->size);
}

/* ---- Attention ---- */

typedef struct {
  Dims q, k, v;
  gboolean packed;
} Attention;

static gboolean
read_attention (const GonioGraph *graph, const GonioNode *node, Attention *out)
{
  gint64 kv = gonio_node_attr_int (node, "kv_num_heads", 0);
  Attention a = {.packed = gonio_gl_shape (gonio_gl_in (graph, node, 0)).rank == 3};
  for (guint i = 1; i < 3; i++)
    if ((gonio_gl_shape (gonio_gl_in (graph, node, i)).rank == 3) != a.packed)
      return FALSE;
  if (!read_dims (gonio_gl_in (graph, node, 0), gonio_node_attr_int (node, "q_num_heads", 0),
                  &a.q) ||
      !read_dims (gonio_gl_in (graph, node, 1), kv, &a.k) ||
      !read_dims (gonio_gl_in (graph, node, 2), kv, &a.v))
    return FALSE;
  *out = a;
  return a.k.batch == a.q.batch && a.v.batch == a.q.batch && a.k.heads == a.v.heads &&
         a.k.size == a.q.size && a.k.length == a.v.length && a.k.heads > 0 &&
         a.q.heads % a.k.heads == 0;
}

/* Does the mask broadcast to batch x heads x queries x keys? The last axis may be short. */
static gboolean
read_mask (const GonioValue *value, const Attention *a, int steps[5])
{
  GonioShape shape = gonio_gl_shape (value);
  const gint64 full[4] = {a->q.batch, a->q.heads, a->q.length, a->k.length};
  gint64 step = 1;
  memset (steps, 0, 5 * sizeof *steps);
  if (shape.rank < 1 || shape.rank > 4 || shape.dims[shape.rank - 1] > full[3] ||
      shape.dims[shape.rank - 1] < 1)
    return FALSE;
  for (int d = shape.rank; d-- > 0; step *= shape.dims[d]) {
    int to = d + 4 - shape.rank;
    if (to != 3 && shape.dims[d] != 1 && shape.dims[d] != full[to])
      return FALSE;
    steps[to] = to == 3 || shape.dims[d] != 1 ? (int)step : 0;
  }
  steps[4] = (int)shape.dims[shape.rank - 1];
  return TRUE;
}

static const char *
attention_claim (const GonioGraph *graph, const GonioNode *node)
{
  Attention a;
  int steps[5];
  const GonioValue *mask = gonio_gl_in (graph, node, 3);
  if (gonio_gl_in (graph, node, 4) || gonio_gl_in (graph, node, 5) ||
      gonio_gl_in (graph, node, 6) || gonio_gl_out (graph, node, 1) ||
      gonio_gl_out (graph, node, 2) || gonio_gl_out (graph, node, 3))
    return "keys of the past and further outputs are not supported";
  if (!read_attention (graph, node, &a) || (mask && !read_mask (mask, &a, steps)))
    return "queries, keys, values and mask do not fit each other";
  GonioShape scores = GONIO_SHAPE (a.q.batch, a.q.heads, a.q.length, a.k.length);
  return gonio_gl_count (&scores) > G_MAXINT32 / 8 ? "too many queries and keys" : NULL;
}

static gboolean
add_scores (GonioGlLower *lower, const Attention *a, GonioGlStep *step, GError **error)
{
  const GonioNode *node = lower->node;
  float cap = gonio_node_attr_float (node, "softcap", 0);
  step->kernel = "attention-scores.glsl";
  step->n_inputs = gonio_gl_in (lower->graph, node, 3) ? 3 : 2;
  for (guint i = 0; i < step->n_inputs; i++)
    if (!gonio_gl_read (lower, i == 2 ? 3 : i, GONIO_GL_PLAIN, &step->inputs[i], error))
      return FALSE;
  step->floats[2] = gonio_node_attr (node, "scale") ? gonio_node_attr_float (node, "scale", 0)
                                                    : (float)(1 / sqrt ((double)a->q.size));
  step->floats[3] = cap;
  step->reads = 2 * a->q.size;
  step->defines = g_strconcat ("SCORES 1", a->q.size % 4 == 0 ? ";FOURS 1" : "",
                               cap > 0 ? ";CAP 1" : "", step->n_inputs > 2 ? ";MASK 1" : "", NULL);
  return gonio_gl_add (lower, step, error);
}

static gboolean
attention_lower (GonioGlLower *lower, GError **error)
{
  /* a query that sees no key at all gets zeros */
  static const GonioGlRows softmax = {
      GONIO_GL_ROW_EXP, "a", "mix (exp (x - a) / b, vec4 (0.0), equal (b, vec4 (0.0)))", 0};
  Attention a = {0};
  GonioGlStep scores = {0};
  (void)read_attention (lower->graph, lower->node, &a); /* as claimed */
  GonioShape shape = GONIO_SHAPE (a.q.batch, a.q.heads, a.q.length, a.k.length);
  const int head[] = {(int)a.q.heads,  (int)(a.q.heads / a.k.heads),
                      (int)a.q.length, (int)a.k.length,
                      (int)a.q.size,   (int)a.v.size};
  gint64 texels = gonio_gl_texels (&shape, GONIO_GL_PLAIN), count = gonio_gl_count (&shape);
  memcpy (scores.params, head, sizeof head);
  write_steps (&a.q, a.packed, &scores.params[6]);
  write_steps (&a.k, a.packed, &scores.params[9]);
  write_steps (&a.v, a.packed, &scores.params[12]);
  if (gonio_gl_in (lower->graph, lower->node, 3))
    (void)read_mask (gonio_gl_in (lower->graph, lower->node, 3), &a, &scores.params[15]);
  scores.params[20] = a.packed;
  scores.params[21] = (int)gonio_node_attr_int (lower->node, "is_causal", 0) != 0;
  scores.params[22] = (int)count - 1;
  GonioGlRowSlots slots = {.in = gonio_gl_scratch (lower, texels), .form = GONIO_GL_PLAIN};
  scores.output = slots.in;
  if (!add_scores (lower, &a, &scores, error))
    return FALSE;
  slots.out = gonio_gl_scratch (lower, texels);
  if (!gonio_gl_rows (lower, &softmax, &shape, 3, 1, &slots, error))
    return FALSE;
  GonioGlStep values = {.kernel = "attention-values.glsl", .inputs = {slots.out}, .n_inputs = 2};
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  memcpy (values.params, scores.params, sizeof values.params);
  values.params[22] = (int)gonio_gl_count (&out) - 1;
  values.reads = (a.v.size % 4 == 0 ? 2 : 8) * a.k.length;
  if (!gonio_gl_read (lower, 2, GONIO_GL_PLAIN, &values.inputs[1], error))
    return FALSE;
  values.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  values.defines = g_strconcat ("VALUES 1", a.v.size % 4 == 0 ? ";FOURS 1" : "",
                                a.k.length % 4 == 0 ? ";KEYS_FOURS 1" : "", NULL);
  return gonio_gl_add (lower, &values, error);
}

/* ---- RotaryEmbedding ---- */

static gboolean
read_rotary (const GonioGraph *graph, const GonioNode *node, Dims *out_dims, gint64 *out_pairs)
{
  if (!read_dims (gonio_gl_in (graph, node, 0), gonio_node_attr_int (node, "num_heads", 0),
                  out_dims))
    return FALSE;
  gint64 turned = gonio_node_attr_int (node, "rotary_embedding_dim", 0);
  turned = turned == 0 ? out_dims->size : turned;
  *out_pairs = turned / 2;
  return turned > 0 && turned <= out_dims->size && turned % 2 == 0;
}

static const char *
rotary_claim (const GonioGraph *graph, const GonioNode *node)
{
  Dims dims;
  gint64 pairs;
  if (gonio_gl_in (graph, node, 3))
    return "positions are not supported";
  if (!read_rotary (graph, node, &dims, &pairs))
    return "heads or what is turned of them do not fit";
  GonioShape rows = GONIO_SHAPE (dims.batch, dims.length, pairs);
  for (guint i = 1; i < 3; i++) {
    GonioShape shape = gonio_gl_shape (gonio_gl_in (graph, node, i));
    if (!gonio_shape_equal (&shape, &rows))
      return "cosines and sines do not fit";
  }
  return NULL;
}

static gboolean
rotary_lower (GonioGlLower *lower, GError **error)
{
  GonioGlStep step = {.kernel = "rotary.glsl", .n_inputs = 3, .reads = 16};
  GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, 0));
  Dims dims = {0};
  gint64 pairs = 0;
  (void)read_rotary (lower->graph, lower->node, &dims, &pairs); /* as claimed */
  const int all[] = {(int)dims.heads,
                     (int)dims.length,
                     (int)dims.size,
                     (int)pairs,
                     shape.rank == 3,
                     gonio_node_attr_int (lower->node, "interleaved", 0) != 0,
                     (int)gonio_gl_count (&shape) - 1};
  memcpy (step.params, all, sizeof all);
  for (guint i = 0; i < 3; i++)
    if (!gonio_gl_read (lower, i, GONIO_GL_PLAIN, &step.inputs[i], error))
      return FALSE;
  step.output = gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
  return gonio_gl_add (lower, &step, error);
}

const GonioGlOp gonio_gl_ops_attention[] = {
    {GONIO_OP_ATTENTION, attention_claim, attention_lower, 0},
    {GONIO_OP_ROTARY_EMBEDDING, rotary_claim, rotary_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
