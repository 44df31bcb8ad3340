/* Pad in all modes and CenterCropPad, for any type. Depends on kernel.h. */
#include "backends/reference/kernel.h"
#include "backends/reference/window.h"

typedef enum { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_WRAP } PadMode;

/* One axis: negative padding crops first, then the rest is filled around what is left. */
typedef struct {
  int64_t first; /* first element kept */
  int64_t n;     /* elements kept */
  int64_t begin; /* filled before */
  int64_t out;
} PadAxis;

typedef struct {
  PadMode mode;
  int rank;
  PadAxis axis[GONIO_MAX_RANK];
  int64_t strides[GONIO_MAX_RANK];
  const GonioTensor *x;
  const GonioTensor *filler; /* nullable: zero */
} Pad;

/* Source element of output position o, -1 for the filler. */
static int64_t
pad_source (const PadAxis *a, PadMode mode, int64_t o)
{
  int64_t i = o - a->begin;

  if (i >= 0 && i < a->n)
    return a->first + i;
  switch (mode) {
  case PAD_EDGE:
    return a->first + (i < 0 ? 0 : a->n - 1);
  case PAD_WRAP:
    i %= a->n;
    return a->first + (i < 0 ? i + a->n : i);
  case PAD_REFLECT:
    if (a->n == 1)
      return a->first;
    i %= 2 * (a->n - 1);
    if (i < 0)
      i += 2 * (a->n - 1);
    return a->first + (i < a->n ? i : 2 * (a->n - 1) - i);
  case PAD_CONSTANT:
    break;
  }
  return -1;
}

static void
fill (const Pad *p, GonioTensor *y, int64_t at, int64_t n)
{
  if (p->filler != NULL)
    ref_fill (y, at, p->filler, 0, n);
  else
    ref_clear (y, at, n);
}

/* The innermost row of y at `at`, from the row of x that starts at from. */
static void
pad_row (const Pad *p, GonioTensor *y, int64_t at, int64_t from)
{
  const PadAxis *a = &p->axis[p->rank - 1];
  int64_t tail = a->begin + a->n;

  for (int64_t o = 0; o < a->out; o++) {
    int64_t source = pad_source (a, p->mode, o);

    if (o == a->begin && a->n > 0) {
      ref_copy (y, at + o, p->x, from + a->first, a->n);
      o = tail - 1;
    } else if (source >= 0) {
      ref_copy (y, at + o, p->x, from + source, 1);
    } else {
      int64_t n = o < a->begin ? a->begin - o : a->out - o;

      fill (p, y, at + o, n);
      o += n - 1;
    }
  }
}

static gboolean
pad_mode (const GonioKernel *k, PadMode *out_mode, GError **error)
{
  static const char *const names[] = {"constant", "edge", "reflect", "wrap", NULL};
  const char *mode = ref_attr_string (k, "mode", "constant");

  for (int i = 0; names[i] != NULL; i++)
    if (g_str_equal (mode, names[i])) {
      *out_mode = (PadMode)i;
      return TRUE;
    }
  return ref_bad_value (error, "mode is \"%s\"", mode);
}

/* Padding per axis; axes that are not named keep their extent. */
static gboolean
pad_axes (Pad *p, GonioKernel *k, GonioShape *shape, GError **error)
{
  GonioTensor *axes = ref_in (k, 3);
  int64_t pads[2 * GONIO_MAX_RANK], named[GONIO_MAX_RANK];
  gboolean seen[GONIO_MAX_RANK] = {FALSE};
  int n_pads, n = p->rank;

  for (int d = 0; d < p->rank; d++) {
    named[d] = d;
    p->axis[d] = (PadAxis){0, shape->dims[d], 0, shape->dims[d]};
  }
  if (!ref_ints (k->inputs[1], 2 * GONIO_MAX_RANK, pads, &n_pads, "pads", error) ||
      (axes != NULL && !ref_ints (axes, GONIO_MAX_RANK, named, &n, "axes", error)))
    return FALSE;
  if (n_pads != 2 * n)
    return ref_bad_shape (error, "pads has %d elements, %d are needed", n_pads, 2 * n);
  for (int i = 0; i < n; i++) {
    int64_t begin = pads[i], end = pads[n + i], dim;
    PadAxis *a;
    int d;

    if (!ref_axis (named[i], p->rank, &d, error))
      return FALSE;
    if (seen[d])
      return ref_bad_value (error, "axis %d is given twice", d);
    seen[d] = TRUE;
    a = &p->axis[d];
    dim = a->n;
    if (begin < -dim || end < -dim || MAX (-begin, 0) + MAX (-end, 0) > dim)
      return ref_bad_value (error,
                            "padding %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT
                            " cuts more than the %" G_GINT64_FORMAT " elements of axis %d",
                            begin, end, dim, d);
    a->first = MAX (-begin, 0);
    a->n = dim - a->first - MAX (-end, 0);
    a->begin = MAX (begin, 0);
    if (!gonio_checked_add_i64 (a->n, a->begin, &a->out) ||
        !gonio_checked_add_i64 (a->out, MAX (end, 0), &a->out))
      return ref_bad_value (
          error, "padding %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT " is too large", begin, end);
    if (p->mode != PAD_CONSTANT && a->n == 0 && a->out > 0)
      return ref_bad_value (error, "axis %d is empty and has nothing to fill from", d);
    shape->dims[d] = a->out;
  }
  return TRUE;
}

static gboolean
run_pad (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioShape shape = *gonio_tensor_shape (x), outer;
  Pad p = {.rank = shape.rank, .x = x, .filler = ref_in (k, 2)};
  int64_t index[GONIO_MAX_RANK] = {0}, at = 0;

  if (!pad_mode (k, &p.mode, error) || !pad_axes (&p, k, &shape, error))
    return FALSE;
  if (p.filler != NULL && gonio_tensor_count (p.filler) != 1)
    return ref_bad_shape (error, "constant_value must be one element, it has %" G_GINT64_FORMAT,
                          gonio_tensor_count (p.filler));
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  if (shape.rank == 0) {
    ref_copy (y, 0, x, 0, 1);
    return TRUE;
  }
  gonio_shape_strides (gonio_tensor_shape (x), p.strides);
  outer = gonio_shape_make (shape.rank - 1, shape.dims);
  do {
    int64_t from = 0;
    gboolean inside = TRUE;

    for (int d = 0; d < outer.rank && inside; d++) {
      int64_t source = pad_source (&p.axis[d], p.mode, index[d]);

      inside = source >= 0;
      from += inside ? source * p.strides[d] : 0;
    }
    if (inside)
      pad_row (&p, y, at, from);
    else
      fill (&p, y, at, p.axis[p.rank - 1].out);
    at += p.axis[p.rank - 1].out;
  } while (ref_next_index (outer.rank, outer.dims, index));
  return TRUE;
}

/* ---- CenterCropPad ---- */

/* One axis: where the common part begins in source and target. */
static void
centre_axis (int64_t from, int64_t to, int64_t *out_source, int64_t *out_target)
{
  *out_source = from > to ? (from - to) / 2 : 0;
  *out_target = to > from ? (to - from) / 2 : 0;
}

static gboolean
centred_shape (const GonioKernel *k, GonioShape *shape, GError **error)
{
  guint n_axes;
  const int64_t *axes = gonio_node_attr_ints (k->node, "axes", &n_axes);
  gboolean seen[GONIO_MAX_RANK] = {FALSE};
  int64_t sizes[GONIO_MAX_RANK];
  int n;

  if (!ref_ints (k->inputs[1], GONIO_MAX_RANK, sizes, &n, "shape", error))
    return FALSE;
  if (n != (axes != NULL ? (int)MIN (n_axes, GONIO_MAX_RANK + 1) : shape->rank))
    return ref_bad_shape (error, "shape has %d elements for %d axes", n,
                          axes != NULL ? (int)n_axes : shape->rank);
  for (int i = 0; i < n; i++) {
    int axis;

    if (!ref_axis (axes != NULL ? axes[i] : i, shape->rank, &axis, error))
      return FALSE;
    if (seen[axis])
      return ref_bad_value (error, "axis %d is given twice", axis);
    seen[axis] = TRUE;
    shape->dims[axis] = sizes[i];
  }
  return ref_check_shape (shape, error);
}

static gboolean
run_center_crop_pad (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *from = gonio_tensor_shape (x);
  GonioShape shape = *from;
  int64_t strides[GONIO_MAX_RANK], y_strides[GONIO_MAX_RANK], source = 0, target = 0;
  RefBox box = {.rank = shape.rank};

  if (!centred_shape (k, &shape, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  ref_clear (y, 0, gonio_tensor_count (y));
  if (gonio_tensor_count (y) == 0 || gonio_tensor_count (x) == 0)
    return TRUE;
  gonio_shape_strides (from, strides);
  gonio_shape_strides (&shape, y_strides);
  for (int d = 0; d < shape.rank; d++) {
    int64_t at, to;

    centre_axis (from->dims[d], shape.dims[d], &at, &to);
    source += at * strides[d];
    target += to * y_strides[d];
    box.dims[d] = MIN (from->dims[d], shape.dims[d]);
    box.src_stride[d] = strides[d];
    box.dst_stride[d] = y_strides[d];
  }
  ref_copy_box (y, target, x, source, &box);
  return TRUE;
}

const RefRow ref_rows_pad[] = {
    {GONIO_OP_CENTER_CROP_PAD, run_center_crop_pad, NULL, {REF_ANY, REF_INDEX}, 0, 0},
    {GONIO_OP_PAD, run_pad, NULL, {REF_ANY, REF_T (INT64), REF_ANY, REF_INDEX}, 0x5, 0},
    {0},
};
