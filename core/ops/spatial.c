/* Window arithmetic. Depends on family.h. */
#include "core/ops/spatial.h"

#include "core/ops/family.h"

#define LIMIT ((int64_t)1 << 31) /* of strides, pads, dilations, kernels */

typedef enum { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER } AutoPad;

static gboolean
read_auto_pad (const GonioNode *node, AutoPad *out, GError **error)
{
  static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
  const char *text = gonio_node_attr_string (node, "auto_pad", "NOTSET");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (g_str_equal (text, names[i])) {
      *out = (AutoPad)i;
      return TRUE;
    }
  }
  return gonio_infer_fail (error, "auto_pad “%s” is not known.", text);
}

/* An attribute with n values, or fallback for all when absent. */
static gboolean
read_list (const GonioNode *node, const char *name, int n, int64_t fallback, int64_t min,
           int64_t *out, GError **error)
{
  guint count = 0;
  const int64_t *values = gonio_node_attr_ints (node, name, &count);

  if (values && (int)count != n)
    return gonio_infer_fail (error, "attribute “%s” has %u values; %d are needed.", name, count, n);
  for (int i = 0; i < n; i++) {
    out[i] = values ? values[i] : fallback;
    if (out[i] < min || out[i] > LIMIT)
      return gonio_infer_fail (error, "attribute “%s” holds %" G_GINT64_FORMAT ".", name, out[i]);
  }
  return TRUE;
}

/* Index of the weights' input; -1 for pools. */
static int
weight_input (const GonioNode *node)
{
  switch (node->op) {
  case GONIO_OP_CONV:
  case GONIO_OP_CONV_TRANSPOSE:
  case GONIO_OP_DEFORM_CONV:
  case GONIO_OP_CONV_INTEGER:
    return 1;
  case GONIO_OP_QLINEAR_CONV:
    return 3;
  default:
    return -1;
  }
}

static const GonioSymShape *
shape_of (const GonioGraph *graph, const GonioNode *node, guint i)
{
  static const GonioSymShape none = {0};
  return i < node->n_inputs && node->inputs[i] != GONIO_VALUE_NONE
             ? &gonio_graph_value (graph, node->inputs[i])->shape
             : &none;
}

static gboolean
read_kernel (const GonioGraph *graph, const GonioNode *node, GonioSpatial *s, GError **error)
{
  int weights = weight_input (node);
  const GonioSymShape *shape = shape_of (graph, node, weights < 0 ? 0 : (guint)weights);

  if (weights < 0 && !gonio_node_attr (node, "kernel_shape"))
    return gonio_infer_fail (error, "attribute “kernel_shape” is missing.");
  if (!read_list (node, "kernel_shape", s->n, -1, weights < 0 ? 1 : -1, s->kernel, error))
    return FALSE;
  for (int i = 0; weights >= 0 && shape->has_rank && i < s->n; i++) {
    int64_t size = shape->dims[i + 2].value;
    if (size >= 0 && s->kernel[i] >= 0 && size != s->kernel[i])
      return gonio_infer_fail (
          error, "kernel_shape says %" G_GINT64_FORMAT ", its weights %" G_GINT64_FORMAT ".",
          s->kernel[i], size);
    if (s->kernel[i] < 0)
      s->kernel[i] = MIN (size, LIMIT);
    if (s->kernel[i] == 0)
      return gonio_infer_fail (error, "a kernel dimension is 0.");
  }
  return TRUE;
}

static int64_t
ceil_div (int64_t a, int64_t b)
{
  return a / b + (a % b > 0);
}

/* Pads to make a length of needed out of in; the odd one goes to the end, or the beginning. */
static void
share_pads (GonioSpatial *s, int i, int64_t total, AutoPad mode)
{
  total = MAX (total, 0);
  s->pads_begin[i] = mode == PAD_SAME_LOWER ? total - total / 2 : total / 2;
  s->pads_end[i] = total - s->pads_begin[i];
}

static gboolean
forward_axis (GonioSpatial *s, int i, AutoPad mode, gboolean ceil_mode, GError **error)
{
  if (s->in[i] < 0 || s->kernel[i] < 0) {
    s->out[i] = -1;
    if (mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER)
      s->pads_begin[i] = s->pads_end[i] = -1;
    if (s->in[i] >= 0 && (mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER))
      s->out[i] = ceil_div (s->in[i], s->strides[i]);
    return TRUE;
  }
  int64_t span = (s->kernel[i] - 1) * s->dilations[i] + 1;
  if (mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER) {
    s->out[i] = ceil_div (s->in[i], s->strides[i]);
    share_pads (s, i, (s->out[i] - 1) * s->strides[i] + span - s->in[i], mode);
    return TRUE;
  }
  int64_t room = s->in[i] + s->pads_begin[i] + s->pads_end[i] - span;
  if (room < 0)
    return gonio_infer_fail (error,
                             "the window (%" G_GINT64_FORMAT ") is larger than the padded input "
                             "(%" G_GINT64_FORMAT ") along spatial axis %d.",
                             span, room + span, i);
  s->out[i] = (ceil_mode ? ceil_div (room, s->strides[i]) : room / s->strides[i]) + 1;
  /* A last window that would start in the padding at the end does not count. */
  if (ceil_mode && (s->out[i] - 1) * s->strides[i] >= s->in[i] + s->pads_begin[i])
    s->out[i]--;
  return TRUE;
}

static gboolean
transposed_axis (GonioSpatial *s, int i, AutoPad mode, const int64_t *wanted, GError **error)
{
  if (s->in[i] < 0 || s->kernel[i] < 0) {
    s->out[i] = wanted ? wanted[i] : -1;
    return TRUE;
  }
  int64_t span = (s->kernel[i] - 1) * s->dilations[i] + 1;
  int64_t full = 0;
  if (!gonio_checked_mul_i64 (s->in[i] - 1, s->strides[i], &full) ||
      !gonio_checked_add_i64 (full, s->output_padding[i] + span, &full))
    return gonio_infer_fail (error, "its output is too large.");
  if (wanted || mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER) {
    if (!wanted && !gonio_checked_mul_i64 (s->in[i], s->strides[i], &s->out[i]))
      return gonio_infer_fail (error, "its output is too large.");
    s->out[i] = wanted ? wanted[i] : s->out[i];
    share_pads (s, i, full - s->out[i], mode == PAD_SAME_UPPER ? mode : PAD_SAME_LOWER);
    /* The padding of the result grows at its end when more is wanted than there is. */
    s->output_padding[i] += MAX (s->out[i] - full, 0);
    return TRUE;
  }
  s->out[i] = full - s->pads_begin[i] - s->pads_end[i];
  if (s->out[i] < 0)
    return gonio_infer_fail (error, "its pads exceed its output along spatial axis %d.", i);
  return TRUE;
}

gboolean
gonio_op_spatial_partial (const GonioGraph *graph, const GonioNode *node, GonioSpatial *out,
                          GError **error)
{
  const GonioSymShape *shape = shape_of (graph, node, 0);
  gboolean transposed = node->op == GONIO_OP_CONV_TRANSPOSE;
  gboolean ceil_mode = gonio_node_attr_int (node, "ceil_mode", 0) != 0;
  gboolean has_wanted = gonio_node_attr (node, "output_shape") != NULL;
  int64_t pads[2 * GONIO_MAX_SPATIAL] = {0}, wanted[GONIO_MAX_SPATIAL] = {0};
  GonioSpatial s = {0};
  AutoPad mode = PAD_EXPLICIT;

  if (!shape->has_rank || shape->rank < 2)
    return gonio_infer_fail (error, "its input has no spatial dimensions.");
  s.n = shape->rank - 2;
  if (!read_auto_pad (node, &mode, error) || !read_kernel (graph, node, &s, error) ||
      !read_list (node, "strides", s.n, 1, 1, s.strides, error) ||
      !read_list (node, "dilations", s.n, 1, 1, s.dilations, error) ||
      !read_list (node, "output_padding", s.n, 0, 0, s.output_padding, error) ||
      !read_list (node, "output_shape", s.n, 0, 0, wanted, error) ||
      !read_list (node, "pads", 2 * s.n, 0, -LIMIT, pads, error))
    return FALSE;
  for (int i = 0; i < s.n; i++) {
    s.in[i] = shape->dims[i + 2].value;
    s.pads_begin[i] = mode == PAD_EXPLICIT ? pads[i] : 0;
    s.pads_end[i] = mode == PAD_EXPLICIT ? pads[s.n + i] : 0;
    if (transposed ? !transposed_axis (&s, i, mode, has_wanted ? wanted : NULL, error)
                   : !forward_axis (&s, i, mode, ceil_mode, error))
      return FALSE;
  }
  *out = s;
  return TRUE;
}

gboolean
gonio_op_spatial (const GonioGraph *graph, const GonioNode *node, GonioSpatial *out, GError **error)
{
  GonioSpatial s = {0};

  if (!gonio_op_spatial_partial (graph, node, &s, error))
    return FALSE;
  for (int i = 0; i < s.n; i++) {
    if (s.out[i] < 0 || s.in[i] < 0 || s.kernel[i] < 0)
      return gonio_infer_fail (error, "spatial dimension %d is not known.", i);
  }
  *out = s;
  return TRUE;
}
