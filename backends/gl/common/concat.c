/* Concat: parts side by side, in one step where a program takes them all. Depends on move, tile. */
#include "backends/gl/common/move.h"
#include "backends/gl/common/tile.h"

#include <string.h>

/* One input, or several that have been joined. */
typedef struct {
  GonioGlSlot slot;
  gint64 length;      /* along the axis */
  int channels, rest; /* of an image; 0: plain */
} Part;

/* The result is outer x the parts' lengths x inner, counted in texels or in elements. */
typedef struct {
  gint64 outer, inner;
  gboolean texels;
  int channels, rest; /* where elements are counted: of the image that it becomes; 0: plain */
} Join;

static int
axis_of (const GonioGraph *graph, const GonioNode *node)
{
  return gonio_gl_axis (gonio_node_attr_int (node, "axis", 0),
                        gonio_gl_shape (gonio_gl_out (graph, node, 0)).rank);
}

static const char *
concat_claim (const GonioGraph *graph, const GonioNode *node)
{
  GonioShape out = gonio_gl_shape (gonio_gl_out (graph, node, 0));
  int axis = axis_of (graph, node);
  gint64 length = 0;
  if (axis < 0)
    return "axis is out of range";
  for (guint i = 0; i < node->n_inputs; i++) {
    const GonioValue *in = gonio_gl_in (graph, node, i);
    GonioShape shape = in ? gonio_gl_shape (in) : GONIO_SHAPE_SCALAR;
    if (shape.rank != out.rank)
      return "the inputs differ in rank";
    for (int k = 0; k < out.rank; k++)
      if (k != axis && shape.dims[k] != out.dims[k])
        return "the inputs do not fit together";
    length += shape.dims[axis];
  }
  return length == out.dims[axis] ? NULL : "the inputs do not fit together";
}

/* ---- one step ---- */

/* first: texels of the output before these parts, where it is written bit by bit. */
static gboolean
join_some (GonioGlLower *lower, const Join *join, const Part *parts, guint n, GonioGlSlot output,
           gint64 first, gboolean whole, GError **error)
{
  GonioGlStep step = {.kernel = "concat.glsl", .n_inputs = n, .output = output};
  gint64 length = 0;
  for (guint i = 0; i < n; i++) {
    length += parts[i].length;
    step.inputs[i] = parts[i].slot;
    step.params[8 + i] = (int)length;
    step.params[16 + i] = parts[i].channels;
    step.params[24 + i] = parts[i].rest;
  }
  step.params[0] = (int)join->inner;
  step.params[1] = (int)length;
  step.params[2] = join->channels;
  step.params[3] = join->rest;
  step.params[4] = (int)first;
  gonio_gl_tell_count (&step, join->outer * length * join->inner);
  if (!whole) {
    step.first = first;
    step.texels = join->outer * length * join->inner;
  }
  step.defines = g_strdup_printf ("PARTS %u%s%s", n, join->texels ? ";TEXELS 1" : "",
                                  !join->texels && join->channels ? ";TO_IMAGE 1" : "");
  return gonio_gl_add (lower, &step, error);
}

/* ---- several steps ---- */

/* Parts that follow each other in memory: each step writes its own, each_step at most. */
static gboolean
join_ranges (GonioGlLower *lower, const Join *join, const Part *parts, guint n, guint each_step,
             GonioGlSlot output, GError **error)
{
  gint64 first = 0;
  for (guint i = 0; i < n; i += each_step) {
    guint some = MIN (n - i, each_step);
    if (!join_some (lower, join, parts + i, some, output, first, FALSE, error))
      return FALSE;
    for (guint k = i; k < i + some; k++)
      first += parts[k].length * join->inner;
  }
  return TRUE;
}

/* Parts that have to be joined by and by: eight become one, until there are no more than that. */
static gboolean
join_by_and_by (GonioGlLower *lower, const Join *join, Part *parts, guint *n, GError **error)
{
  Join between = *join;
  between.channels = between.rest = 0;
  while (*n > GONIO_GL_MAX_INPUTS) {
    guint kept = 0;
    for (guint i = 0; i < *n; i += GONIO_GL_MAX_INPUTS) {
      guint some = MIN (*n - i, GONIO_GL_MAX_INPUTS);
      Part whole = {.length = 0};
      for (guint k = i; k < i + some; k++)
        whole.length += parts[k].length;
      gint64 count = join->outer * whole.length * join->inner;
      whole.slot = gonio_gl_scratch (lower, join->texels ? count : (count + 3) / 4);
      if (!join_some (lower, &between, parts + i, some, whole.slot, 0, TRUE, error))
        return FALSE;
      parts[kept++] = whole;
    }
    *n = kept;
  }
  return TRUE;
}

/* ---- lowering ---- */

/* Whole texels of images: along channels, all parts but the last have whole fours. */
static gboolean
joins_images (const GonioGlLower *lower, int axis, const GonioShape *out)
{
  guint n = lower->node->n_inputs;
  gboolean any = FALSE;
  if (out->rank < 3)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, i));
    if (axis == 1 && i + 1 < n && shape.dims[1] % 4)
      return FALSE;
    any = any || gonio_gl_has (lower, i, GONIO_GL_IMAGE);
  }
  return any;
}

static gboolean
read_parts (GonioGlLower *lower, gboolean images, int axis, Part *parts, guint *out_n,
            GError **error)
{
  guint n = 0;
  for (guint i = 0; i < lower->node->n_inputs; i++) {
    GonioShape shape = gonio_gl_shape (gonio_gl_in (lower->graph, lower->node, i));
    Part *part = &parts[n];
    if (gonio_gl_count (&shape) == 0)
      continue;
    *part = (Part){.length = images && axis == 1 ? (shape.dims[1] + 3) / 4 : shape.dims[axis]};
    if (images ? !gonio_gl_read (lower, i, GONIO_GL_IMAGE, &part->slot, error)
               : !gonio_gl_read_any (lower, i, &part->slot, &part->channels, &part->rest, error))
      return FALSE;
    n++;
  }
  *out_n = n;
  return TRUE;
}

/* Plain parts whose pieces are whole texels. */
static void
count_texels (Join *join, Part *parts, guint n)
{
  for (guint i = 0; i < n; i++)
    if (parts[i].channels || parts[i].length * join->inner % 4)
      return;
  for (guint i = 0; i < n; i++)
    parts[i].length = parts[i].length * join->inner / 4;
  join->inner = 1;
  join->texels = TRUE;
}

static gboolean
concat_lower (GonioGlLower *lower, GError **error)
{
  GonioShape out = gonio_gl_shape (gonio_gl_out (lower->graph, lower->node, 0));
  int axis = axis_of (lower->graph, lower->node);
  g_autofree Part *parts = g_new0 (Part, lower->node->n_inputs + 1);
  Join join = {.outer = 1, .inner = 1};
  guint n;
  if (gonio_gl_count (&out) == 0) {
    gonio_gl_write (lower, 0, GONIO_GL_PLAIN);
    return TRUE;
  }
  gboolean image = gonio_gl_wants_image (lower, 0, &join.channels, &join.rest);
  gboolean images = image && gonio_gl_is_own (lower, 0, join.channels, join.rest) &&
                    joins_images (lower, axis, &out);
  for (int i = 0; i < out.rank; i++) {
    gint64 size = images && i == 1 ? (out.dims[1] + 3) / 4 : out.dims[i];
    join.outer *= i < axis ? size : 1;
    join.inner *= i > axis ? size : 1;
  }
  if (!image)
    join.channels = join.rest = 0;
  join.texels = images;
  if (!read_parts (lower, images, axis, parts, &n, error))
    return FALSE;
  if (!image)
    count_texels (&join, parts, n);
  GonioGlSlot output = gonio_gl_write_image (lower, 0, join.channels, join.rest);
  /* a fragment may have to read all parts to take one of them */
  guint each_step = gonio_gl_has_groups (lower) ? GONIO_GL_MAX_INPUTS : 1;
  if (n > each_step && join.texels && join.outer == 1)
    return join_ranges (lower, &join, parts, n, each_step, output, error);
  return join_by_and_by (lower, &join, parts, &n, error) &&
         join_some (lower, &join, parts, n, output, 0, TRUE, error);
}

const GonioGlOp gonio_gl_ops_concat[] = {
    {GONIO_OP_CONCAT, concat_claim, concat_lower, 0},
    {GONIO_OP_INVALID, NULL, NULL, 0},
};
