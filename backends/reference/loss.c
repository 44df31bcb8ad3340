/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>

/* Scores [batch, classes, area...] and one target class per batch and position. */
typedef struct {
  int64_t batch, classes, area;
  const GonioTensor *targets, *weights; /* weights nullable */
  gboolean has_ignore;
  int64_t ignore;
  const char *reduction;
} Loss;

static gboolean
loss_init (Loss *l, GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]);
  const GonioShape *targets = gonio_tensor_shape (k->inputs[1]);
  gboolean fits = x->rank >= 2 && targets->rank == x->rank - 1;

  for (int d = 0; fits && d < targets->rank; d++)
    fits = targets->dims[d] == x->dims[d == 0 ? 0 : d + 1];
  if (!fits) {
    g_autofree char *left = gonio_shape_to_string (x), *right = gonio_shape_to_string (targets);

    return ref_bad_shape (error, "scores %s and targets %s do not fit each other", left, right);
  }
  *l = (Loss){.batch = x->dims[0],
              .classes = x->dims[1],
              .area = ref_dims_product (x, 2, x->rank),
              .targets = k->inputs[1],
              .weights = ref_in (k, 2),
              .has_ignore = gonio_node_attr (k->node, "ignore_index") != NULL,
              .ignore = ref_attr_int (k, "ignore_index", 0),
              .reduction = ref_attr_string (k, "reduction", "mean")};
  if (l->weights != NULL && gonio_tensor_count (l->weights) != l->classes)
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " weights for %" G_GINT64_FORMAT " classes",
                          gonio_tensor_count (l->weights), l->classes);
  if (!g_str_equal (l->reduction, "none") && !g_str_equal (l->reduction, "sum") &&
      !g_str_equal (l->reduction, "mean"))
    return ref_bad_value (error, "reduction is \"%s\"", l->reduction);
  return TRUE;
}

/* Losses of all targets from log probabilities, reduced or not. */
static gboolean
pick_losses (const Loss *l, GonioKernel *k, const double *log_p, GError **error)
{
  gboolean none = g_str_equal (l->reduction, "none");
  GonioTensor *y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[0]),
                               none ? gonio_tensor_shape (l->targets) : &GONIO_SHAPE_SCALAR, error);
  double total = 0, weight_sum = 0;

  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (l->targets); i++) {
    int64_t target;
    double weight = 1, loss = 0;

    ref_load_i64 (l->targets, i, 1, &target);
    if (l->has_ignore && target == l->ignore) {
      weight = 0;
    } else {
      if (target < 0 || target >= l->classes)
        return ref_bad_value (error, "target %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " classes",
                              target, l->classes);
      if (l->weights != NULL)
        ref_load_f64 (l->weights, target, 1, &weight);
      loss = -weight * log_p[(i / l->area * l->classes + target) * l->area + i % l->area];
    }
    if (none)
      ref_store_f64 (y, i, 1, &loss);
    total += loss;
    weight_sum += weight;
  }
  if (g_str_equal (l->reduction, "mean"))
    total /= weight_sum;
  if (!none)
    ref_store_f64 (y, 0, 1, &total);
  return TRUE;
}

static void
log_softmax (double *v, int64_t n, int64_t stride)
{
  double max = -INFINITY, sum = 0;

  for (int64_t i = 0; i < n; i++)
    if (v[i * stride] > max || isnan (v[i * stride]))
      max = v[i * stride];
  for (int64_t i = 0; i < n; i++)
    sum += exp (v[i * stride] - max);
  sum = log (sum);
  for (int64_t i = 0; i < n; i++)
    v[i * stride] = v[i * stride] - max - sum;
}

static gboolean
run_nll (GonioKernel *k, GError **error)
{
  g_autofree double *log_p = NULL;
  Loss l;

  if (!loss_init (&l, k, error))
    return FALSE;
  log_p = ref_dup_f64 (k->inputs[0], error);
  return log_p != NULL && pick_losses (&l, k, log_p, error);
}

static gboolean
run_cross_entropy (GonioKernel *k, GError **error)
{
  g_autofree double *log_p = NULL;
  GonioTensor *shown;
  Loss l;

  if (!loss_init (&l, k, error))
    return FALSE;
  log_p = ref_dup_f64 (k->inputs[0], error);
  if (log_p == NULL)
    return FALSE;
  for (int64_t i = 0; gonio_tensor_count (k->inputs[0]) > 0 && i < l.batch * l.area; i++)
    log_softmax (log_p + i / l.area * l.classes * l.area + i % l.area, l.classes, l.area);
  if (ref_wants (k, 1)) {
    shown = ref_output (k, 1, gonio_tensor_dtype (k->inputs[0]), gonio_tensor_shape (k->inputs[0]),
                        error);
    if (shown == NULL)
      return FALSE;
    ref_store_f64 (shown, 0, gonio_tensor_count (shown), log_p);
  }
  return pick_losses (&l, k, log_p, error);
}

#define TYPES                                                                                      \
  {                                                                                                \
    REF_FLOATS, REF_INDEX, REF_FLOATS                                                              \
  }

const RefRow ref_rows_loss[] = {
    {GONIO_OP_NEGATIVE_LOG_LIKELIHOOD_LOSS, run_nll, NULL, TYPES, 0x5, 0},
    {GONIO_OP_SOFTMAX_CROSS_ENTROPY_LOSS, run_cross_entropy, NULL, TYPES, 0x5, 0},
    {0},
};
