/* Moving elements about: views cost nothing, everything else is a set of strided copies. Any
 * element type. */
#include "backends/cpu/copy.h"

#include <string.h>

static size_t
element_of (const GonioCpuNode *node)
{
  return gonio_dtype_bits (gonio_cpu_in (node, 0)->dtype) / 8;
}

/* Data may be anything that is 1, 2, 4 or 8 bytes wide. */
static const char *
check_element (const GonioCpuNode *node)
{
  guint bits = gonio_dtype_bits (gonio_cpu_in (node, 0)->dtype);
  return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? NULL : "this type is not supported";
}

static int64_t
floor_mod (int64_t a, int64_t b)
{
  int64_t m = a % b;
  return m < 0 ? m + b : m;
}

/* The data; what says how to move it is read before the run. */
static gboolean
takes_first (const GonioCpuNode *node, guint i, const GonioCpuView *view)
{
  return i == 0;
}

/* ---- views ---- */

static const char *
view_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  if (gonio_cpu_count (gonio_cpu_in (node, 0)) != gonio_cpu_count (gonio_cpu_out (node, 0)))
    return "the element counts differ";
  if (gonio_cpu_in (node, 1) && gonio_cpu_in (node, 1)->dtype != GONIO_DTYPE_INT64)
    return "the second input is not int64";
  gonio_cpu_claim_plain (out_claim);
  out_claim->cost = 1;
  return NULL;
}

static gboolean
view_lower (GonioCpuLower *lower, GError **error)
{
  gonio_cpu_view_reshaped (lower);
  return TRUE;
}

/* ---- Transpose ---- */

static gboolean
read_perm (const GonioCpuNode *node, int out_perm[GONIO_MAX_RANK])
{
  int rank = gonio_cpu_in (node, 0)->shape.rank;
  guint count, seen = 0;
  const int64_t *perm = gonio_node_attr_ints (node->node, "perm", &count);
  if (perm && (int)count != rank)
    return FALSE;
  for (int i = 0; i < rank; i++) {
    int axis = perm ? gonio_cpu_normal_axis (perm[i], rank) : rank - 1 - i;
    if (axis < 0 || seen >> axis & 1)
      return FALSE;
    seen |= 1u << axis;
    out_perm[i] = axis;
  }
  return TRUE;
}

static const char *
transpose_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  int perm[GONIO_MAX_RANK];
  if (!read_perm (node, perm))
    return "perm is not a permutation";
  gonio_cpu_claim_plain (out_claim);
  return check_element (node);
}

static gboolean
transpose_lower (GonioCpuLower *lower, GError **error)
{
  GonioCpuView view = gonio_cpu_view_in (lower, 0), result = view;
  int perm[GONIO_MAX_RANK], rank = gonio_cpu_in (&lower->node, 0)->shape.rank;
  read_perm (&lower->node, perm);
  for (int i = 0; i < rank; i++)
    result.strides[i] = view.strides[perm[i]];
  gonio_cpu_view_out (lower, 0, &result);
  return TRUE;
}

/* ---- boxes: parts of one value copied to parts of another ---- */

/* A copy of `size` elements from what can be read as `from` to what is written as `to`, starting
 * anywhere, walking the source by `step` (negative: backwards; 0: staying) on each axis. */
static void
box_copy (GonioCpuCopy *copy, size_t element, const GonioCpuView *to, const int64_t *to_start,
          const GonioCpuView *from, const int64_t *from_start, const int64_t *step,
          const GonioShape *size)
{
  gonio_cpu_copy_init (copy, element);
  copy->to = to->offset;
  copy->from = from->offset;
  for (int i = 0; i < size->rank; i++) {
    copy->to += to_start[i] * to->strides[i];
    copy->from += from_start[i] * from->strides[i];
    gonio_cpu_nest_push (&copy->nest, size->dims[i],
                         (int64_t[]){to->strides[i], from->strides[i] * (step ? step[i] : 1)});
  }
  gonio_cpu_copy_finish (copy);
}

static const int64_t zeros[GONIO_MAX_RANK];

static int
axis_of (const GonioCpuNode *node, int64_t fallback)
{
  const GonioValue *in = gonio_cpu_in (node, 0);
  return gonio_cpu_normal_axis (gonio_node_attr_int (node->node, "axis", fallback), in->shape.rank);
}

static const char *
concat_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  int axis = axis_of (node, 0);
  GonioShape out = gonio_cpu_shape (gonio_cpu_out (node, 0));
  int64_t length = 0;
  if (axis < 0)
    return "axis is out of range";
  for (guint i = 0; i < node->node->n_inputs; i++) {
    const GonioValue *in = gonio_cpu_in (node, i);
    if (!in || in->shape.rank != out.rank || in->dtype != gonio_cpu_in (node, 0)->dtype)
      return "the inputs differ in rank or type";
    GonioShape shape = gonio_cpu_shape (in);
    for (int k = 0; k < out.rank; k++)
      if (k != axis && shape.dims[k] != out.dims[k])
        return "the inputs do not fit together";
    length += shape.dims[axis];
  }
  if (length != out.dims[axis])
    return "the inputs do not fit together";
  gonio_cpu_claim_any (node, out_claim);
  return check_element (node);
}

/* All inputs follow each other in one piece of memory: the result is a view of that. */
static gboolean
concat_joins (GonioCpuLower *lower, int axis, GonioCpuView *out)
{
  guint n = lower->node.node->n_inputs, found = 0;
  int64_t start = 0, step = 0;
  for (guint i = 0; i < n; i++) {
    const GonioValue *in = gonio_cpu_in (&lower->node, i);
    GonioShape shape = gonio_cpu_shape (in);
    if (gonio_cpu_count (in) == 0)
      continue;
    if (in->constant)
      return FALSE;
    GonioCpuView view = gonio_cpu_view_in (lower, i);
    gonio_cpu_view_root (lower, &view, gonio_dtype_bits (in->dtype) / 8);
    if (found++ == 0)
      *out = view;
    else if (view.slot != out->slot)
      return FALSE;
    for (int k = 0; k < shape.rank; k++)
      if (k != axis && shape.dims[k] != 1 && view.strides[k] != out->strides[k])
        return FALSE;
    int64_t own = shape.dims[axis] != 1 ? view.strides[axis] : 0;
    if (shape.dims[axis] != 1 && own <= 0)
      return FALSE;
    if (step == 0) /* not known before an input is longer than one or a second one comes */
      step = own != 0 ? own : start != 0 ? (view.offset - out->offset) / start : 0;
    if ((own != 0 && own != step) || view.offset - out->offset != start * step)
      return FALSE;
    start += shape.dims[axis];
  }
  if (found > 1)
    out->strides[axis] = step;
  return found == 1 || step > 0;
}

/* Does the input lie where it belongs already? */
static gboolean
lies_there (const GonioCpuLower *lower, const GonioCpuView *view, const GonioCpuView *to,
            int64_t offset, const GonioShape *shape)
{
  gboolean there = view->slot == to->slot && view->offset == to->offset + offset;
  for (int i = 0; i < shape->rank; i++)
    there = there && (shape->dims[i] == 1 || view->strides[i] == to->strides[i]);
  return there;
}

static gboolean
concat_lower (GonioCpuLower *lower, GError **error)
{
  guint n = lower->node.node->n_inputs, kept = 0;
  int axis = axis_of (&lower->node, 0);
  size_t element = element_of (&lower->node);
  int64_t start[GONIO_MAX_RANK] = {0};
  GonioCpuView joint;
  if (concat_joins (lower, axis, &joint)) {
    gonio_cpu_view_out (lower, 0, &joint);
    return TRUE;
  }
  /* asked for a step early, which only keeps the memory a little longer */
  g_autofree GonioCpuCopy *copies = g_new0 (GonioCpuCopy, n + 1);
  g_autofree guint *from = g_new0 (guint, n + 1), *to = g_new0 (guint, n + 1);
  GonioCpuView target = gonio_cpu_target (lower, 0), root = target;
  gonio_cpu_view_root (lower, &root, element);
  for (guint i = 0; i < n; i++) {
    GonioShape shape = gonio_cpu_shape (gonio_cpu_in (&lower->node, i));
    GonioCpuView view = gonio_cpu_view_in (lower, i), found = view;
    gonio_cpu_view_root (lower, &found, element);
    if (!lies_there (lower, &found, &root, start[axis] * root.strides[axis], &shape)) {
      box_copy (&copies[kept], element, &target, start, &view, zeros, NULL, &shape);
      from[kept++] = i;
    }
    start[axis] += shape.dims[axis];
  }
  gonio_cpu_step_copies (lower, kept, copies, from, to);
  return TRUE;
}

static const char *
split_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  int axis = axis_of (node, 0);
  if (axis < 0)
    return "axis is out of range";
  int64_t length = 0;
  for (guint i = 0; i < node->node->n_outputs; i++) {
    const GonioValue *out = gonio_cpu_out (node, i);
    if (!out)
      return "a part is left out";
    length += gonio_cpu_shape (out).dims[axis];
  }
  if (length != gonio_cpu_shape (gonio_cpu_in (node, 0)).dims[axis])
    return "the parts do not fit the input";
  gonio_cpu_claim_any (node, out_claim);
  if (gonio_cpu_const (node, 0))
    gonio_cpu_claim_plain (out_claim);
  out_claim->nhwc_inputs &= 1;
  return check_element (node);
}

static gboolean
split_lower (GonioCpuLower *lower, GError **error)
{
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  int axis = axis_of (&lower->node, 0);
  for (guint i = 0; i < lower->node.node->n_outputs; i++) {
    gonio_cpu_view_out (lower, i, &view);
    view.offset +=
        gonio_cpu_shape (gonio_cpu_out (&lower->node, i)).dims[axis] * view.strides[axis];
  }
  return TRUE;
}

/* ---- Slice ---- */

typedef struct {
  int64_t start[GONIO_MAX_RANK], step[GONIO_MAX_RANK];
} Ranges;

static const char *
slice_ranges (const GonioCpuNode *node, Ranges *out)
{
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (node, 0));
  GonioShape result = gonio_cpu_shape (gonio_cpu_out (node, 0));
  g_autofree int64_t *starts = NULL, *axes = NULL, *steps = NULL;
  guint n_starts, n_axes = 0, n_steps = 0;
  if (!gonio_cpu_const_ints (node, 1, &starts, &n_starts) ||
      (gonio_cpu_in (node, 3) && !gonio_cpu_const_ints (node, 3, &axes, &n_axes)) ||
      (gonio_cpu_in (node, 4) && !gonio_cpu_const_ints (node, 4, &steps, &n_steps)))
    return "starts, axes or steps are not constant";
  if ((axes && n_axes != n_starts) || (steps && n_steps != n_starts) || (int)n_starts > in.rank)
    return "starts, axes and steps differ in length";
  for (int i = 0; i < in.rank; i++) {
    out->start[i] = 0;
    out->step[i] = 1;
  }
  for (guint i = 0; i < n_starts; i++) {
    int axis = gonio_cpu_normal_axis (axes ? axes[i] : i, in.rank);
    int64_t step = steps ? steps[i] : 1, dim = axis < 0 ? 0 : in.dims[axis];
    if (axis < 0 || step == 0)
      return "an axis or step is out of range";
    int64_t start = starts[i] < 0 ? (starts[i] < -dim ? -1 : starts[i] + dim) : starts[i];
    out->start[axis] = step > 0 ? CLAMP (start, 0, dim) : CLAMP (start, -1, dim - 1);
    out->step[axis] = step;
  }
  for (int i = 0; i < in.rank; i++) { /* trust nothing: the whole run must lie inside */
    int64_t n = result.dims[i], span;
    if (n > 0 && (__builtin_mul_overflow (n - 1, out->step[i], &span) || out->start[i] < 0 ||
                  out->start[i] >= in.dims[i] || span > in.dims[i] || span < -in.dims[i] ||
                  out->start[i] + span < 0 || out->start[i] + span >= in.dims[i]))
      return "the slice does not fit its result";
  }
  return NULL;
}

static const char *
slice_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  Ranges ranges;
  const char *reason = slice_ranges (node, &ranges);
  if (reason)
    return reason;
  gonio_cpu_claim_any (node, out_claim);
  out_claim->nhwc_inputs &= 1;
  return check_element (node);
}

static gboolean
slice_lower (GonioCpuLower *lower, GError **error)
{
  Ranges ranges;
  const char *reason = slice_ranges (&lower->node, &ranges);
  if (reason)
    return gonio_cpu_fail (error, "%s", reason);
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  for (int i = 0; i < gonio_cpu_in (&lower->node, 0)->shape.rank; i++) {
    view.offset += ranges.start[i] * view.strides[i];
    view.strides[i] *= ranges.step[i];
  }
  gonio_cpu_view_out (lower, 0, &view);
  return TRUE;
}

/* ---- Pad: every axis falls into runs that come from the input in some direction ---- */

typedef struct {
  int64_t to, length, from, step;
  gboolean is_fill;
} Segment;

#define MAX_COPIES 4096

typedef struct {
  const GonioValue *in, *out;
  GonioCpuView view, target; /* of in and out */
  size_t element;
  GArray *segments[GONIO_MAX_RANK]; /* Segment */
  GArray *copies;                   /* GonioCpuCopy */
  GArray *sources;                  /* guint: 0 input, 2 fill value */
} PadPlan;

/* Which input index output index i of an axis shows; -1: the fill value. */
static int64_t
pad_source (const char *mode, int64_t i, int64_t dim)
{
  if (i >= 0 && i < dim)
    return i;
  if (g_str_equal (mode, "edge"))
    return i < 0 ? 0 : dim - 1;
  if (g_str_equal (mode, "wrap"))
    return floor_mod (i, dim);
  if (g_str_equal (mode, "reflect")) {
    if (dim == 1)
      return 0;
    int64_t at = floor_mod (i, 2 * (dim - 1));
    return at < dim ? at : 2 * (dim - 1) - at;
  }
  return -1;
}

/* Runs of an axis: from one index to the next the source goes on in the same direction. */
static GArray *
find_segments (const char *mode, int64_t before, int64_t length, int64_t dim)
{
  GArray *segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  for (int64_t i = 0; i < length;) {
    int64_t at = i - before;
    Segment segment = {.to = i, .length = 1, .from = pad_source (mode, at, dim), .step = 1};
    segment.is_fill = segment.from < 0;
    if (segment.is_fill || (at >= 0 && at < dim)) { /* long ones in one go */
      int64_t end = segment.is_fill ? (at < 0 ? before : length) : MIN (before + dim, length);
      segment.length = MIN (end, length) - i;
    } else if (i + 1 < length) {
      int64_t next = pad_source (mode, at + 1, dim);
      if (ABS (next - segment.from) <= 1 && at + 1 != 0 && at + 1 != dim) {
        segment.step = next - segment.from;
        while (i + segment.length < length && at + segment.length != 0 &&
               pad_source (mode, at + segment.length, dim) ==
                   segment.from + segment.step * segment.length)
          segment.length++;
      }
    }
    i += segment.length;
    g_array_append_val (segments, segment);
    if (segments->len > MAX_COPIES)
      break;
  }
  return segments;
}

/* Copies for all combinations of segments from `axis` on, given those of the axes before. */
static void
pad_boxes (PadPlan *plan, int axis, Segment *chosen)
{
  int rank = plan->out->shape.rank;
  gboolean filling = axis > 0 && chosen[axis - 1].is_fill;
  if (axis < rank && !filling) {
    for (guint i = 0; i < plan->segments[axis]->len && plan->copies->len <= MAX_COPIES; i++) {
      chosen[axis] = g_array_index (plan->segments[axis], Segment, i);
      pad_boxes (plan, axis + 1, chosen);
    }
    return;
  }
  int64_t to[GONIO_MAX_RANK] = {0}, from[GONIO_MAX_RANK] = {0}, step[GONIO_MAX_RANK] = {0};
  GonioShape size = gonio_cpu_shape (plan->out);
  for (int i = 0; i < rank; i++) { /* a fill spreads over the axes not looked at */
    to[i] = i < axis ? chosen[i].to : 0;
    size.dims[i] = i < axis ? chosen[i].length : size.dims[i];
    from[i] = filling ? 0 : chosen[i].from;
    step[i] = filling ? 0 : chosen[i].step;
  }
  GonioCpuCopy copy;
  guint source = filling ? 2 : 0;
  const GonioCpuView one = {0}; /* the fill value, which is read over and over */
  box_copy (&copy, plan->element, &plan->target, to, filling ? &one : &plan->view, from, step,
            &size);
  g_array_append_val (plan->copies, copy);
  g_array_append_val (plan->sources, source);
}

static void
pad_plan_clear (PadPlan *plan)
{
  for (int i = 0; i < GONIO_MAX_RANK; i++)
    g_clear_pointer (&plan->segments[i], g_array_unref);
  g_clear_pointer (&plan->copies, g_array_unref);
  g_clear_pointer (&plan->sources, g_array_unref);
}

/* NULL on success; the plan is to be cleared either way. view: of the input, NULL when claiming. */
static const char *
pad_plan (const GonioCpuNode *node, const GonioCpuView *view, PadPlan *out)
{
  *out = (PadPlan){.in = gonio_cpu_in (node, 0), .out = gonio_cpu_out (node, 0)};
  if (view)
    out->view = *view;
  gonio_cpu_strides (out->out, out->target.strides);
  out->element = element_of (node);
  GonioShape in = gonio_cpu_shape (out->in), result = gonio_cpu_shape (out->out);
  const char *mode = gonio_node_attr_string (node->node, "mode", "constant");
  g_autofree int64_t *pads = NULL, *axes = NULL;
  guint n_pads, n_axes = 0;
  if (!gonio_cpu_const_ints (node, 1, &pads, &n_pads) ||
      (gonio_cpu_in (node, 3) && !gonio_cpu_const_ints (node, 3, &axes, &n_axes)))
    return "pads or axes are not constant";
  if (!axes)
    n_axes = (guint)in.rank;
  if (n_pads != 2 * n_axes || (int)n_axes > in.rank)
    return "pads do not fit the axes";
  int64_t before[GONIO_MAX_RANK] = {0};
  for (guint i = 0; i < n_axes; i++) {
    int axis = gonio_cpu_normal_axis (axes ? axes[i] : i, in.rank);
    if (axis < 0 || ABS (pads[i]) > ((int64_t)1 << 40))
      return "an axis or pad is out of range";
    before[axis] = pads[i];
  }
  gboolean constant = g_str_equal (mode, "constant");
  out->copies = g_array_new (FALSE, FALSE, sizeof (GonioCpuCopy));
  out->sources = g_array_new (FALSE, FALSE, sizeof (guint));
  for (int i = 0; i < in.rank; i++) {
    if (!constant && in.dims[i] == 0)
      return "nothing to repeat";
    out->segments[i] = find_segments (mode, before[i], result.dims[i], in.dims[i]);
    if (out->segments[i]->len > MAX_COPIES)
      return "the padding falls into too many pieces";
  }
  Segment chosen[GONIO_MAX_RANK + 1];
  pad_boxes (out, 0, chosen);
  return out->copies->len > MAX_COPIES ? "the padding falls into too many pieces" : NULL;
}

static const char *
pad_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  PadPlan plan;
  const char *reason = check_element (node);
  if (reason)
    return reason;
  const GonioValue *fill = gonio_cpu_in (node, 2);
  if (fill && (gonio_cpu_count (fill) != 1 || fill->dtype != gonio_cpu_in (node, 0)->dtype))
    return "the fill value does not fit";
  reason = pad_plan (node, NULL, &plan);
  pad_plan_clear (&plan);
  if (reason)
    return reason;
  gonio_cpu_claim_any (node, out_claim);
  out_claim->nhwc_inputs &= 1;
  return NULL;
}

/* What stands for the fill value when there is no input for it. */
typedef struct {
  GonioCpuCopy copy;
  GonioCpuSlot to;
} ZeroFill;

static gboolean
zero_fill_run (gconstpointer data, const GonioCpuRun *run, GError **error)
{
  const ZeroFill *step = data;
  const uint64_t zero = 0;
  gonio_cpu_copy_run (&step->copy, run, gonio_cpu_ptr (run, step->to), &zero);
  return TRUE;
}

static gboolean
pad_lower (GonioCpuLower *lower, GError **error)
{
  PadPlan plan;
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  const char *reason = pad_plan (&lower->node, &view, &plan);
  if (reason) {
    pad_plan_clear (&plan);
    return gonio_cpu_fail (error, "%s", reason);
  }
  gboolean has_fill = gonio_cpu_in (&lower->node, 2) != NULL;
  guint kept = 0;
  for (guint i = 0; i < plan.copies->len; i++) {
    guint source = g_array_index (plan.sources, guint, i);
    GonioCpuCopy copy = g_array_index (plan.copies, GonioCpuCopy, i);
    if (source == 2 && !has_fill) {
      ZeroFill *step = gonio_cpu_step (lower, zero_fill_run, sizeof *step, NULL);
      step->copy = copy;
      step->to = gonio_cpu_slot_out (lower, 0);
      continue;
    }
    g_array_index (plan.copies, GonioCpuCopy, kept) = copy;
    g_array_index (plan.sources, guint, kept++) = source;
  }
  g_autofree guint *to = g_new0 (guint, kept + 1);
  if (kept)
    gonio_cpu_step_copies (lower, kept, (GonioCpuCopy *)plan.copies->data,
                           (guint *)plan.sources->data, to);
  pad_plan_clear (&plan);
  return TRUE;
}

/* ---- Expand, Tile ---- */

static const char *
expand_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  g_autofree int64_t *shape = NULL;
  guint n;
  if (gonio_cpu_in (node, 1)->shape.rank != 1 || !gonio_cpu_const_ints (node, 1, &shape, &n))
    return "the shape is not constant";
  for (guint i = 0; i < n; i++)
    if (shape[i] < 0)
      return "the shape is negative";
  if (!gonio_cpu_fits (gonio_cpu_in (node, 0), gonio_cpu_out (node, 0)))
    return "the input does not broadcast to the result";
  gonio_cpu_claim_any (node, out_claim);
  out_claim->nhwc_inputs &= 1;
  return check_element (node);
}

static gboolean
expand_lower (GonioCpuLower *lower, GError **error)
{
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (&lower->node, 0));
  int rank = gonio_cpu_out (&lower->node, 0)->shape.rank, added = rank - in.rank;
  GonioCpuView view = gonio_cpu_view_in (lower, 0), result = view;
  for (int i = 0; i < rank; i++)
    result.strides[i] = i < added || in.dims[i - added] == 1 ? 0 : view.strides[i - added];
  gonio_cpu_view_out (lower, 0, &result);
  return TRUE;
}

static const char *
tile_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (node, 0));
  GonioShape out = gonio_cpu_shape (gonio_cpu_out (node, 0));
  g_autofree int64_t *repeats = NULL;
  guint n;
  if (!gonio_cpu_const_ints (node, 1, &repeats, &n) || (int)n != in.rank || out.rank != in.rank)
    return "repeats are not constant or do not fit the input";
  for (int i = 0; i < in.rank; i++)
    if (in.dims[i] == 0 || out.dims[i] % in.dims[i] || out.dims[i] / in.dims[i] != repeats[i])
      return "the result is not a multiple of the input";
  gonio_cpu_claim_any (node, out_claim);
  out_claim->nhwc_inputs &= 1;
  return check_element (node);
}

static gboolean
tile_lower (GonioCpuLower *lower, GError **error)
{
  const GonioValue *in = gonio_cpu_in (&lower->node, 0), *out = gonio_cpu_out (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (in), result = gonio_cpu_shape (out);
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  int64_t to[GONIO_MAX_RANK];
  gonio_cpu_strides (out, to);
  GonioCpuCopy copy;
  gonio_cpu_copy_init (&copy, element_of (&lower->node));
  copy.from = view.offset;
  for (int i = 0; i < shape.rank; i++) {
    gonio_cpu_nest_push (&copy.nest, result.dims[i] / shape.dims[i],
                         (int64_t[]){to[i] * shape.dims[i], 0});
    gonio_cpu_nest_push (&copy.nest, shape.dims[i], (int64_t[]){to[i], view.strides[i]});
  }
  gonio_cpu_copy_finish (&copy);
  gonio_cpu_step_copies (lower, 1, &copy, &(guint){0}, &(guint){0});
  return TRUE;
}

/* ---- DepthToSpace, SpaceToDepth ---- */

static const char *
blocks_claim (const GonioCpuNode *node, GonioClaim *out_claim)
{
  GonioShape in = gonio_cpu_shape (gonio_cpu_in (node, 0));
  int64_t block = gonio_node_attr_int (node->node, "blocksize", 0);
  gboolean deep = node->node->op == GONIO_OP_SPACE_TO_DEPTH;
  const char *mode = gonio_node_attr_string (node->node, "mode", "DCR");
  if (!deep && !g_str_equal (mode, "DCR") && !g_str_equal (mode, "CRD"))
    return "this mode is not known";
  if (in.rank != 4 || block < 1 || block > 1 << 15)
    return "blocksize or rank is out of range";
  if (deep ? in.dims[2] % block || in.dims[3] % block : in.dims[1] % (block * block))
    return "the shape is not a multiple of the block";
  gonio_cpu_claim_any (node, out_claim);
  return check_element (node);
}

/* Both ways the deep side is (b, b, c) or (c, b, b) along its channels. */
static gboolean
blocks_lower (GonioCpuLower *lower, GError **error)
{
  gboolean deep = lower->node.node->op == GONIO_OP_SPACE_TO_DEPTH;
  const GonioValue *in = gonio_cpu_in (&lower->node, 0), *out = gonio_cpu_out (&lower->node, 0);
  GonioShape shape = gonio_cpu_shape (deep ? out : in);
  int64_t b = gonio_node_attr_int (lower->node.node, "blocksize", 1), c = shape.dims[1] / (b * b);
  gboolean crd =
      !deep && g_str_equal (gonio_node_attr_string (lower->node.node, "mode", "DCR"), "CRD");
  GonioCpuView view = gonio_cpu_view_in (lower, 0);
  int64_t own[GONIO_MAX_RANK];
  gonio_cpu_strides (out, own);
  const int64_t *t = deep ? own : view.strides, *w = deep ? view.strides : own;
  int64_t by = crd ? b * t[1] : b * c * t[1], bx = crd ? t[1] : c * t[1],
          channel = crd ? b * b * t[1] : t[1];
  const int64_t rows[6][3] = {/* size, stride in thick, stride in wide */
                              {shape.dims[0], t[0], w[0]},     {c, channel, w[1]},
                              {shape.dims[2], t[2], b * w[2]}, {b, by, w[2]},
                              {shape.dims[3], t[3], b * w[3]}, {b, bx, w[3]}};
  GonioCpuCopy copy;
  gonio_cpu_copy_init (&copy, element_of (&lower->node));
  copy.from = view.offset;
  for (int i = 0; i < 6; i++)
    gonio_cpu_nest_push (
        &copy.nest, rows[i][0],
        (int64_t[]){deep ? rows[i][1] : rows[i][2], deep ? rows[i][2] : rows[i][1]});
  gonio_cpu_copy_finish (&copy);
  gonio_cpu_step_copies (lower, 1, &copy, &(guint){0}, &(guint){0});
  return TRUE;
}

const GonioCpuOp gonio_cpu_ops_shape[] = {
    {GONIO_OP_CONCAT, concat_claim, concat_lower, gonio_cpu_takes_any, gonio_cpu_writes_any},
    {GONIO_OP_DEPTH_TO_SPACE, blocks_claim, blocks_lower, gonio_cpu_takes_any, NULL},
    {GONIO_OP_EXPAND, expand_claim, expand_lower, takes_first, NULL},
    {GONIO_OP_FLATTEN, view_claim, view_lower, takes_first, NULL},
    {GONIO_OP_PAD, pad_claim, pad_lower, takes_first, NULL},
    {GONIO_OP_RESHAPE, view_claim, view_lower, takes_first, NULL},
    {GONIO_OP_SLICE, slice_claim, slice_lower, takes_first, NULL},
    {GONIO_OP_SPACE_TO_DEPTH, blocks_claim, blocks_lower, gonio_cpu_takes_any, NULL},
    {GONIO_OP_SPLIT, split_claim, split_lower, takes_first, NULL},
    {GONIO_OP_SQUEEZE, view_claim, view_lower, takes_first, NULL},
    {GONIO_OP_TILE, tile_claim, tile_lower, takes_first, NULL},
    {GONIO_OP_TRANSPOSE, transpose_claim, transpose_lower, takes_first, NULL},
    {GONIO_OP_UNSQUEEZE, view_claim, view_lower, takes_first, NULL},
    {GONIO_OP_INVALID, NULL, NULL, NULL, NULL},
};
