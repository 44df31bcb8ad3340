/* Random numbers. The attribute "seed" makes them repeatable; without it every run differs.
 * Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>
#include <string.h>

/* (transfer full) */
static GRand *
generator (const GonioKernel *k)
{
  float seed = ref_attr_float (k, "seed", 0);
  guint32 bits;

  if (gonio_node_attr (k->node, "seed") == NULL)
    return g_rand_new ();
  memcpy (&bits, &seed, sizeof bits);
  return g_rand_new_with_seed (bits);
}

static gboolean
chosen_type (const GonioKernel *k, GonioDType fallback, RefTypes allowed, GonioDType *out,
             GError **error)
{
  int64_t dtype = ref_attr_int (k, "dtype", 0);

  if (dtype == 0)
    dtype = fallback;
  if (dtype < 0 || dtype >= GONIO_DTYPE_COUNT || ((allowed >> dtype) & 1) == 0)
    return ref_bad_value (error, "dtype %" G_GINT64_FORMAT " is not supported", dtype);
  *out = (GonioDType)dtype;
  return TRUE;
}

/* Box-Muller. */
static double
normal (GRand *rand)
{
  double u = 1 - g_rand_double (rand), v = g_rand_double (rand);

  return sqrt (-2 * log (u)) * cos (2 * M_PI * v);
}

typedef struct {
  gboolean like, gaussian;
} RandomOp;

static gboolean
run_random (GonioKernel *k, GError **error)
{
  const RandomOp *op = k->row->data;
  g_autoptr (GRand) rand = generator (k);
  double mean = ref_attr_float (k, "mean", 0), scale = ref_attr_float (k, "scale", 1);
  double low = ref_attr_float (k, "low", 0), high = ref_attr_float (k, "high", 1);
  GonioDType dtype = GONIO_DTYPE_FLOAT, own;
  GonioShape shape = GONIO_SHAPE_SCALAR;
  GonioTensor *y;
  guint n;
  const int64_t *dims = gonio_node_attr_ints (k->node, "shape", &n);

  if (op->like) {
    own = gonio_tensor_dtype (k->inputs[0]);
    dtype = ((REF_FLOATS >> own) & 1) ? own : dtype;
    shape = *gonio_tensor_shape (k->inputs[0]);
  } else {
    if (n > GONIO_MAX_RANK)
      return ref_bad_value (error, "shape has %u dimensions", n);
    if (n > 0)
      shape = gonio_shape_make ((int)n, dims);
  }
  if (!chosen_type (k, dtype, REF_FLOATS, &dtype, error))
    return FALSE;
  y = ref_output (k, 0, dtype, &shape, error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    double value =
        op->gaussian ? mean + scale * normal (rand) : low + (high - low) * g_rand_double (rand);

    ref_store_f64 (y, i, 1, &value);
  }
  return TRUE;
}

static gboolean
run_bernoulli (GonioKernel *k, GError **error)
{
  g_autoptr (GRand) rand = generator (k);
  GonioTensor *x = k->inputs[0], *y;
  GonioDType dtype;

  if (!chosen_type (k, gonio_tensor_dtype (x), REF_NUMBERS | REF_BOOL, &dtype, error))
    return FALSE;
  y = ref_output (k, 0, dtype, gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    double p, hit;

    ref_load_f64 (x, i, 1, &p);
    if (!(p >= 0 && p <= 1))
      return ref_bad_value (error, "%g is no probability", p);
    hit = g_rand_double (rand) < p ? 1 : 0;
    ref_store_f64 (y, i, 1, &hit);
  }
  return TRUE;
}

/* ---- Dropout ---- */

/* The same numbers as numpy.random.RandomState (seed).uniform (): 53 bits of two draws of the
 * Mersenne twister. */
static double
uniform_53 (GRand *rand)
{
  guint32 high = g_rand_int (rand) >> 5, low = g_rand_int (rand) >> 6;

  return (high * 67108864.0 + low) / 9007199254740992.0;
}

static gboolean
dropout_ratio (const GonioKernel *k, double *out, GError **error)
{
  double ratio = 0.5;
  int64_t training = 0;

  if (ref_in (k, 1) != NULL && !ref_scalar_f64 (k->inputs[1], &ratio, "ratio", error))
    return FALSE;
  if (ref_in (k, 2) != NULL && !ref_scalar_int (k->inputs[2], &training, "training_mode", error))
    return FALSE;
  if (!(ratio >= 0 && ratio < 1))
    return ref_bad_value (error, "ratio is %g, not in [0,1)", ratio);
  *out = training != 0 ? ratio : 0;
  return TRUE;
}

static gboolean
run_dropout (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y, *mask = NULL;
  int64_t seed = ref_attr_int (k, "seed", 0);
  g_autoptr (GRand) rand = NULL;
  double ratio;

  if (!dropout_ratio (k, &ratio, error))
    return FALSE;
  y = ref_output (k, 0, gonio_tensor_dtype (x), gonio_tensor_shape (x), error);
  if (y == NULL)
    return FALSE;
  if (ref_wants (k, 1) &&
      (mask = ref_output (k, 1, GONIO_DTYPE_BOOL, gonio_tensor_shape (x), error)) == NULL)
    return FALSE;
  rand = gonio_node_attr (k->node, "seed") != NULL ? g_rand_new_with_seed ((guint32)seed)
                                                   : g_rand_new ();
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    int64_t kept = ratio == 0 || uniform_53 (rand) >= ratio;
    double value;

    ref_load_f64 (x, i, 1, &value);
    value = ratio == 0 ? value : value * (double)kept / (1 - ratio);
    ref_store_f64 (y, i, 1, &value);
    if (mask != NULL)
      ref_store_i64 (mask, i, 1, &kept, FALSE);
  }
  return TRUE;
}

/* Draws classes from unnormalised log probabilities [batch, classes]. */
static gboolean
run_multinomial (GonioKernel *k, GError **error)
{
  g_autoptr (GRand) rand = generator (k);
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  int64_t samples = ref_attr_int (k, "sample_size", 1), classes;
  g_autofree double *sums = NULL;
  GonioDType dtype;

  if (shape->rank != 2 || samples < 1)
    return ref_bad_shape (error, "input must be [batch,classes], sample_size at least 1");
  classes = shape->dims[1];
  if (!chosen_type (k, GONIO_DTYPE_INT32, REF_INDEX, &dtype, error))
    return FALSE;
  y = ref_output (k, 0, dtype, REF_SHAPE (shape->dims[0], samples), error);
  if (y == NULL)
    return FALSE;
  if (gonio_tensor_count (y) == 0)
    return TRUE;
  if (classes == 0)
    return ref_bad_shape (error, "there are no classes to draw from");
  sums = ref_alloc (classes, sizeof *sums, error);
  if (sums == NULL)
    return FALSE;
  for (int64_t b = 0; b < shape->dims[0]; b++) {
    double max = -INFINITY;

    ref_load_f64 (x, b * classes, classes, sums);
    for (int64_t c = 0; c < classes; c++)
      max = fmax (max, sums[c]);
    for (int64_t c = 0; c < classes; c++)
      sums[c] = exp (sums[c] - max) + (c > 0 ? sums[c - 1] : 0);
    for (int64_t s = 0; s < samples; s++) {
      double draw = g_rand_double (rand) * sums[classes - 1];
      int64_t c = 0;

      while (c < classes - 1 && !(draw < sums[c]))
        c++;
      ref_store_i64 (y, b * samples + s, 1, &c, FALSE);
    }
  }
  return TRUE;
}

static const RandomOp normal_op = {FALSE, TRUE}, normal_like = {TRUE, TRUE};
static const RandomOp uniform_op = {FALSE, FALSE}, uniform_like = {TRUE, FALSE};

const RefRow ref_rows_random[] = {
    {GONIO_OP_BERNOULLI, run_bernoulli, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_DROPOUT, run_dropout, NULL, {REF_FLOATS, REF_FLOATS, REF_BOOL}, 0, 0},
    {GONIO_OP_MULTINOMIAL, run_multinomial, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_RANDOM_NORMAL, run_random, &normal_op, {REF_ANY}, 0, 0},
    {GONIO_OP_RANDOM_NORMAL_LIKE, run_random, &normal_like, {REF_ANY}, 0, 0},
    {GONIO_OP_RANDOM_UNIFORM, run_random, &uniform_op, {REF_ANY}, 0, 0},
    {GONIO_OP_RANDOM_UNIFORM_LIKE, run_random, &uniform_like, {REF_ANY}, 0, 0},
    {0},
};
