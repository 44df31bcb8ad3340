/* Normalisations, softmax and its relatives, all in double. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* ---- along one axis ---- */

/* One lane of n values in place; p: the operator's parameter. */
typedef void (*LaneRun) (double *v, int64_t n, double p);

static double
lane_max (const double *v, int64_t n)
{
  double max = -INFINITY;

  for (int64_t i = 0; i < n; i++)
    if (v[i] > max || isnan (v[i]))
      max = v[i];
  return max;
}

static void
softmax (double *v, int64_t n, double p)
{
  double max = lane_max (v, n), sum = 0;

  for (int64_t i = 0; i < n; i++)
    sum += v[i] = exp (v[i] - max);
  for (int64_t i = 0; i < n; i++)
    v[i] /= sum;
}

static void
log_softmax (double *v, int64_t n, double p)
{
  double max = lane_max (v, n), sum = 0;

  for (int64_t i = 0; i < n; i++)
    sum += exp (v[i] - max);
  sum = log (sum);
  for (int64_t i = 0; i < n; i++)
    v[i] = v[i] - max - sum;
}

static void
hardmax (double *v, int64_t n, double p)
{
  double max = lane_max (v, n);
  gboolean found = FALSE;

  for (int64_t i = 0; i < n; i++) {
    gboolean hit = !found && v[i] == max;

    v[i] = hit ? 1 : 0;
    found = found || hit;
  }
}

/* A lane of zeros stays zero. */
static void
lp_normalize (double *v, int64_t n, double p)
{
  double norm = 0;

  for (int64_t i = 0; i < n; i++)
    norm += p == 1 ? fabs (v[i]) : v[i] * v[i];
  if (p != 1)
    norm = sqrt (norm);
  for (int64_t i = 0; i < n; i++)
    v[i] = norm == 0 ? 0 : v[i] / norm;
}

static gboolean
each_lane (GonioKernel *k, int axis, LaneRun run, double p, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  int64_t n = shape->rank > 0 ? shape->dims[axis] : 1;
  int64_t outer = ref_dims_product (shape, 0, axis);
  int64_t inner = ref_dims_product (shape, axis + 1, shape->rank);
  g_autofree double *lane = NULL;

  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  lane = ref_alloc (n, sizeof *lane, error);
  if (lane == NULL)
    return FALSE;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      ref_load_lane (x, o * n * inner + i, inner, n, lane);
      run (lane, n, p);
      ref_store_lane (y, o * n * inner + i, inner, n, lane);
    }
  return TRUE;
}

typedef struct {
  LaneRun run;
} LaneOp;

static gboolean
run_lanes (GonioKernel *k, GError **error)
{
  const LaneOp *op = k->row->data;
  int rank = gonio_tensor_shape (k->inputs[0])->rank, axis = 0;
  int64_t p = ref_attr_int (k, "p", 2);

  if (rank > 0 && !ref_axis (ref_attr_int (k, "axis", -1), rank, &axis, error))
    return FALSE;
  if (p != 1 && p != 2)
    return ref_bad_value (error, "p is %" G_GINT64_FORMAT ", it must be 1 or 2", p);
  return each_lane (k, axis, op->run, (double)p, error);
}

/* ---- mean and variance of stretches ---- */

typedef struct {
  double mean;
  double scale; /* 1 / sqrt (variance + epsilon) */
} Moments;

/* Of n consecutive elements from at on; centred: subtract the mean (else it is 0). */
static Moments
moments (const GonioTensor *x, int64_t at, int64_t n, gboolean centred, double epsilon)
{
  Moments m = {0, 0};
  double sum = 0, squares = 0;
  RefChunk c;

  for (int64_t i = 0; centred && i < n; i += REF_CHUNK) {
    int64_t size = MIN (REF_CHUNK, n - i);

    ref_load_f64 (x, at + i, size, c.f);
    for (int64_t j = 0; j < size; j++)
      sum += c.f[j];
  }
  m.mean = sum / (double)n;
  for (int64_t i = 0; i < n; i += REF_CHUNK) {
    int64_t size = MIN (REF_CHUNK, n - i);

    ref_load_f64 (x, at + i, size, c.f);
    for (int64_t j = 0; j < size; j++)
      squares += (c.f[j] - m.mean) * (c.f[j] - m.mean);
  }
  m.scale = 1 / sqrt (squares / (double)n + epsilon);
  return m;
}

/* y = (x - mean) * scale * factor + offset over n consecutive elements. */
static void
apply_stretch (const GonioTensor *x, GonioTensor *y, int64_t at, int64_t n, Moments m,
               double factor, double offset)
{
  RefChunk c;

  for (int64_t i = 0; i < n; i += REF_CHUNK) {
    int64_t size = MIN (REF_CHUNK, n - i);

    ref_load_f64 (x, at + i, size, c.f);
    for (int64_t j = 0; j < size; j++)
      c.f[j] = (c.f[j] - m.mean) * m.scale * factor + offset;
    ref_store_f64 (y, at + i, size, c.f);
  }
}

static double
element (const GonioTensor *tensor, int64_t i)
{
  double value;

  ref_load_f64 (tensor, i, 1, &value);
  return value;
}

static gboolean
check_count (const GonioTensor *tensor, int64_t count, const char *what, GError **error)
{
  if (gonio_tensor_count (tensor) != count)
    return ref_bad_shape (error,
                          "%s has %" G_GINT64_FORMAT " elements, %" G_GINT64_FORMAT " are needed",
                          what, gonio_tensor_count (tensor), count);
  return TRUE;
}

/* ---- LayerNormalization, RMSNormalization ---- */

/* Scale and bias broadcast to x; stretches of n elements share moments. */
static gboolean
scale_stretches (GonioKernel *k, GonioTensor *y, const Moments *m, int64_t n, GonioTensor *bias,
                 GError **error)
{
  GonioTensor *operands[3] = {k->inputs[0], k->inputs[1], bias};
  g_auto (RefBroadcast) b = {0};
  RefChunk x, scale, offset;

  if (!ref_broadcast_init_to (&b, gonio_tensor_shape (y), operands, bias != NULL ? 3 : 2, error))
    return FALSE;
  for (int64_t r = 0, at = 0; r < b.rows; r++, ref_broadcast_next (&b)) {
    for (int64_t c = 0; c < b.row; c += REF_CHUNK) {
      int size = (int)MIN (REF_CHUNK, b.row - c);

      ref_load (operands[0], at, 1, size, REF_FORM_FLOAT, &x);
      ref_load (operands[1], b.offset[1] + c * b.step[1], b.step[1], size, REF_FORM_FLOAT, &scale);
      if (bias != NULL)
        ref_load (bias, b.offset[2] + c * b.step[2], b.step[2], size, REF_FORM_FLOAT, &offset);
      for (int i = 0; i < size; i++) {
        const Moments *own = &m[(at + i) / n];

        x.f[i] = (x.f[i] - own->mean) * own->scale * scale.f[i];
        if (bias != NULL)
          x.f[i] += offset.f[i];
      }
      ref_store (y, at, size, REF_FORM_FLOAT, &x);
      at += size;
    }
  }
  return TRUE;
}

/* Optional outputs 1 and 2: mean and inverse deviation per stretch. */
static gboolean
store_moments (GonioKernel *k, const GonioShape *shape, int axis, const Moments *m, int64_t n_m,
               GError **error)
{
  int64_t type = ref_attr_int (k, "stash_type", GONIO_DTYPE_FLOAT);
  GonioShape reduced = *shape;

  for (int d = axis; d < shape->rank; d++)
    reduced.dims[d] = 1;
  for (guint i = 1; i <= 2; i++) {
    GonioTensor *out;

    if (!ref_wants (k, i))
      continue;
    if (type <= 0 || type >= GONIO_DTYPE_COUNT || ((REF_FLOATS >> type) & 1) == 0)
      return ref_bad_value (error, "stash_type %" G_GINT64_FORMAT " is no floating type", type);
    out = ref_output (k, i, (GonioDType)type, &reduced, error);
    if (out == NULL)
      return FALSE;
    for (int64_t s = 0; s < n_m; s++)
      ref_store_f64 (out, s, 1, i == 1 ? &m[s].mean : &m[s].scale);
  }
  return TRUE;
}

static gboolean
normalize_from_axis (GonioKernel *k, gboolean centred, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  double epsilon = ref_attr_float (k, "epsilon", 1e-5f);
  g_autofree Moments *m = NULL;
  int64_t n, outer;
  int axis = 0;

  if (shape->rank > 0 && !ref_axis (ref_attr_int (k, "axis", -1), shape->rank, &axis, error))
    return FALSE;
  n = ref_dims_product (shape, axis, shape->rank);
  outer = gonio_tensor_count (x) > 0 ? gonio_tensor_count (x) / n : 0;
  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  m = y != NULL ? ref_alloc (outer, sizeof *m, error) : NULL;
  if (m == NULL)
    return FALSE;
  for (int64_t o = 0; o < outer; o++)
    m[o] = moments (x, o * n, n, centred, epsilon);
  return store_moments (k, shape, axis, m, outer, error) &&
         scale_stretches (k, y, m, n, centred ? ref_in (k, 2) : NULL, error);
}

static gboolean
run_layer_norm (GonioKernel *k, GError **error)
{
  return normalize_from_axis (k, TRUE, error);
}

static gboolean
run_rms_norm (GonioKernel *k, GError **error)
{
  return normalize_from_axis (k, FALSE, error);
}

/* ---- per channel: instance, group, batch ---- */

static gboolean
image_shape (const GonioTensor *x, int64_t *n, int64_t *c, int64_t *area, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (x);

  if (shape->rank < 2)
    return ref_bad_shape (error, "input has rank %d, batch and channels are needed", shape->rank);
  *n = shape->dims[0];
  *c = shape->dims[1];
  *area = ref_dims_product (shape, 2, shape->rank);
  return TRUE;
}

/* Groups of channels share moments; scale and bias are per channel, or per group as opset 18
 * had them. */
static gboolean
normalize_groups (GonioKernel *k, int64_t groups, GError **error)
{
  GonioTensor *x = k->inputs[0], *scale = k->inputs[1], *bias = k->inputs[2], *y;
  double epsilon = ref_attr_float (k, "epsilon", 1e-5f);
  int64_t n, channels, area, members;
  gboolean by_group;

  if (!image_shape (x, &n, &channels, &area, error))
    return FALSE;
  if (groups < 0)
    groups = channels;
  if (groups < 1 ? channels != 0 : channels % groups != 0)
    return ref_bad_value (
        error, "%" G_GINT64_FORMAT " channels do not split into %" G_GINT64_FORMAT " groups",
        channels, groups);
  by_group = groups != channels && gonio_tensor_count (scale) == groups;
  if (!check_count (scale, by_group ? groups : channels, "scale", error) ||
      !check_count (bias, by_group ? groups : channels, "bias", error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  members = channels / groups;
  for (int64_t g = 0; g < n * groups; g++) {
    Moments m = moments (x, g * members * area, members * area, TRUE, epsilon);

    for (int64_t i = 0; i < members; i++) {
      int64_t own = by_group ? g % groups : g % groups * members + i;

      apply_stretch (x, y, (g * members + i) * area, area, m, element (scale, own),
                     element (bias, own));
    }
  }
  return TRUE;
}

static gboolean
run_instance_norm (GonioKernel *k, GError **error)
{
  return normalize_groups (k, -1, error);
}

static gboolean
run_group_norm (GonioKernel *k, GError **error)
{
  int64_t groups = ref_attr_int (k, "num_groups", 0);

  if (groups < 1)
    return ref_bad_value (error, "num_groups is %" G_GINT64_FORMAT, groups);
  return normalize_groups (k, groups, error);
}

/* Mean and population variance of one channel over batch and positions. */
static void
channel_moments (const GonioTensor *x, int64_t n, int64_t channels, int64_t area, int64_t c,
                 double *mean, double *variance)
{
  double sum = 0, squares = 0, count = (double)(n * area);
  RefChunk chunk;

  for (int pass = 0; pass < 2; pass++) {
    for (int64_t b = 0; area > 0 && b < n; b++)
      for (int64_t i = 0; i < area; i += REF_CHUNK) {
        int64_t size = MIN (REF_CHUNK, area - i);

        ref_load_f64 (x, (b * channels + c) * area + i, size, chunk.f);
        for (int64_t j = 0; j < size; j++)
          if (pass == 0)
            sum += chunk.f[j];
          else
            squares += (chunk.f[j] - sum / count) * (chunk.f[j] - sum / count);
      }
  }
  *mean = sum / count;
  *variance = squares / count;
}

static gboolean
run_batch_norm (GonioKernel *k, GError **error)
{
  static const char *const names[] = {"input", "scale", "bias", "mean", "variance"};
  GonioTensor *x = k->inputs[0], *y, *running[2] = {NULL, NULL};
  double epsilon = ref_attr_float (k, "epsilon", 1e-5f);
  double momentum = ref_attr_float (k, "momentum", 0.9f);
  gboolean training = ref_attr_int (k, "training_mode", 0) != 0;
  int64_t n = 1, channels = 1, area = 1;

  if (gonio_tensor_shape (x)->rank == 1)
    n = gonio_tensor_count (x);
  else if (!image_shape (x, &n, &channels, &area, error))
    return FALSE;
  for (int i = 1; i < 5; i++)
    if (!check_count (k->inputs[i], channels, names[i], error))
      return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  for (guint i = 0; i < 2; i++)
    if (training && ref_wants (k, 1 + i) &&
        (running[i] = ref_output (k, 1 + i, gonio_tensor_dtype (k->inputs[3 + i]),
                                  gonio_tensor_shape (k->inputs[3 + i]), error)) == NULL)
      return FALSE;

  if (gonio_tensor_count (x) == 0 && running[0] == NULL && running[1] == NULL)
    return TRUE;
  for (int64_t c = 0; c < channels; c++) {
    double mean = element (k->inputs[3], c), variance = element (k->inputs[4], c);
    double old[2] = {mean, variance};

    if (training)
      channel_moments (x, n, channels, area, c, &mean, &variance);
    for (int i = 0; i < 2; i++) {
      double next = old[i] * momentum + (i == 0 ? mean : variance) * (1 - momentum);

      if (running[i] != NULL)
        ref_store_f64 (running[i], c, 1, &next);
    }
    for (int64_t b = 0; area > 0 && b < n; b++)
      apply_stretch (x, y, (b * channels + c) * area, area,
                     (Moments){mean, 1 / sqrt (variance + epsilon)}, element (k->inputs[1], c),
                     element (k->inputs[2], c));
  }
  return TRUE;
}

/* ---- LRN ---- */

static gboolean
run_lrn (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  double alpha = ref_attr_float (k, "alpha", 1e-4f), beta = ref_attr_float (k, "beta", 0.75f);
  double bias = ref_attr_float (k, "bias", 1);
  int64_t size = ref_attr_int (k, "size", 0), n, channels, area;
  g_autofree double *lane = NULL;

  if (!image_shape (x, &n, &channels, &area, error))
    return FALSE;
  if (size < 1)
    return ref_bad_value (error, "size is %" G_GINT64_FORMAT ", it must be at least 1", size);
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  lane = ref_alloc (channels, sizeof *lane, error);
  if (lane == NULL)
    return FALSE;
  for (int64_t i = 0; i < n * area; i++) {
    int64_t at = i / area * channels * area + i % area;

    ref_load_lane (x, at, area, channels, lane);
    for (int64_t c = 0; c < channels; c++) {
      if ((c & 63) == 0 && !gonio_work_go_on (error))
        return FALSE;
      int64_t first = MAX (c - (size - 1) / 2, 0);
      int64_t last = size / 2 >= channels - c ? channels - 1 : c + size / 2;
      double sum = 0, value;

      for (int64_t j = first; j <= last; j++)
        sum += lane[j] * lane[j];
      value = lane[c] / pow (bias + alpha / (double)size * sum, beta);
      ref_store_f64 (y, at + c * area, 1, &value);
    }
  }
  return TRUE;
}

/* ---- MeanVarianceNormalization ---- */

/* Sums over the normalised axes, kept in an array over the others (an operand with stride 0
 * along the axes), then applied. */
static gboolean
run_mvn (GonioKernel *k, GError **error)
{
  static const int64_t usual[] = {0, 2, 3};
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  GonioShape kept = *shape;
  guint n_axes;
  const int64_t *axes = gonio_node_attr_ints (k->node, "axes", &n_axes);
  g_autoptr (GonioTensor) sums = NULL;
  g_autoptr (GonioTensor) squares = NULL;
  double count = 1;

  for (guint i = 0; i < (axes != NULL ? n_axes : 3); i++) {
    int axis;

    if (!ref_axis (axes != NULL ? axes[i] : usual[i], shape->rank, &axis, error))
      return FALSE;
    count *= (double)kept.dims[axis];
    kept.dims[axis] = 1;
  }
  y = ref_output (k, 0, gonio_tensor_dtype (x), shape, error);
  if (y == NULL || (sums = gonio_tensor_new_zeroed (GONIO_DTYPE_DOUBLE, &kept, error)) == NULL ||
      (squares = gonio_tensor_new_zeroed (GONIO_DTYPE_DOUBLE, &kept, error)) == NULL)
    return FALSE;
  for (int pass = 0; pass < 3; pass++) {
    GonioTensor *operands[] = {x, sums};
    double *total = gonio_tensor_writable_data (sums),
           *square = gonio_tensor_writable_data (squares);
    g_auto (RefBroadcast) b = {0};

    if (!ref_broadcast_init_to (&b, shape, operands, 2, error))
      return FALSE;
    for (int64_t r = 0, at = 0; r < b.rows; r++, ref_broadcast_next (&b))
      for (int64_t c = 0; c < b.row; c++, at++) {
        int64_t own = b.offset[1] + c * b.step[1];
        double value = element (x, at) - (pass > 0 ? total[own] / count : 0);

        if (pass == 0)
          total[own] += value;
        else if (pass == 1)
          square[own] += value * value;
        else {
          value /= sqrt (square[own] / count) + 1e-9;
          ref_store_f64 (y, at, 1, &value);
        }
      }
  }
  return TRUE;
}

static const LaneOp op_softmax = {softmax};
static const LaneOp op_log_softmax = {log_softmax};
static const LaneOp op_hardmax = {hardmax};
static const LaneOp op_lp = {lp_normalize};

const RefRow ref_rows_norm[] = {
    {GONIO_OP_BATCH_NORMALIZATION, run_batch_norm, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_GROUP_NORMALIZATION, run_group_norm, NULL, {REF_FLOATS}, REF_SAME_ALL, 0},
    {GONIO_OP_HARDMAX, run_lanes, &op_hardmax, {REF_FLOATS}, 0, 0},
    {GONIO_OP_INSTANCE_NORMALIZATION, run_instance_norm, NULL, {REF_FLOATS}, REF_SAME_ALL, 0},
    {GONIO_OP_LAYER_NORMALIZATION, run_layer_norm, NULL, {REF_FLOATS}, REF_SAME_ALL, 0},
    {GONIO_OP_LOG_SOFTMAX, run_lanes, &op_log_softmax, {REF_FLOATS}, 0, 0},
    {GONIO_OP_LP_NORMALIZATION, run_lanes, &op_lp, {REF_FLOATS}, 0, 0},
    {GONIO_OP_LRN, run_lrn, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_MEAN_VARIANCE_NORMALIZATION, run_mvn, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_RMS_NORMALIZATION, run_rms_norm, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_SOFTMAX, run_lanes, &op_softmax, {REF_FLOATS}, 0, 0},
    {0},
};
