/* Operators of ai.onnx.ml but for trees. Depends on kernel.h, core/ops/ml.h. */
#include "backends/reference/kernel.h"
#include "core/ops/ml.h"

#include <math.h>
#include <string.h>

/* ---- LabelEncoder ---- */

/* Numbers compare as 64 bits: integers as they are, reals as double with one zero and one NaN,
 * which stands for all others. */
static void
load_codes (const GonioTensor *x, int64_t at, int64_t n, int64_t *out)
{
  if (ref_form (gonio_tensor_dtype (x)) != REF_FORM_FLOAT) {
    ref_load_i64 (x, at, n, out);
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    double value = 0;

    ref_load_f64 (x, at + i, 1, &value);
    value = isnan (value) ? (double)NAN : value == 0 ? 0 : value;
    memcpy (&out[i], &value, sizeof value);
  }
}

/* Keys in order, so that a file cannot choose keys that are slow to find. */
typedef struct {
  const GonioTensor *keys;
  const int64_t *codes; /* NULL: the keys are texts */
  int64_t *order;       /* places of the keys, sorted; of equal ones the last comes first */
} Index;

/* Key at a place against a text or code. */
static int
compare_key (const Index *index, int64_t place, const char *text, int64_t code)
{
  if (index->codes == NULL)
    return strcmp (gonio_tensor_string (index->keys, place), text);
  return (index->codes[place] > code) - (index->codes[place] < code);
}

static int
compare_places (gconstpointer a, gconstpointer b, gpointer data)
{
  const Index *index = data;
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  int order = index->codes != NULL
                  ? compare_key (index, x, "", index->codes[y])
                  : compare_key (index, x, gonio_tensor_string (index->keys, y), 0);

  return order != 0 ? order : (x < y) - (x > y);
}

/* The last key that is equal; -1 when there is none. */
static int64_t
index_find (const Index *index, const char *text, int64_t code)
{
  int64_t low = 0, high = gonio_tensor_count (index->keys);

  while (low < high) {
    int64_t middle = low + (high - low) / 2;

    if (compare_key (index, index->order[middle], text, code) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low < gonio_tensor_count (index->keys) &&
                 compare_key (index, index->order[low], text, code) == 0
             ? index->order[low]
             : -1;
}

static gboolean
run_label_encoder (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *keys = k->inputs[1], *values = k->inputs[2], *y;
  gboolean is_text = gonio_tensor_dtype (x) == GONIO_DTYPE_STRING;
  int64_t n = gonio_tensor_count (keys);
  g_autofree int64_t *codes = NULL;
  g_autofree int64_t *order = NULL;

  if (n != gonio_tensor_count (values))
    return ref_bad_shape (error, "%" G_GINT64_FORMAT " keys and %" G_GINT64_FORMAT " values", n,
                          gonio_tensor_count (values));
  if (gonio_tensor_count (k->inputs[3]) != 1)
    return ref_bad_shape (error, "the default is not one element");
  y = ref_output (k, 0, gonio_tensor_dtype (values), gonio_tensor_shape (x), error);
  order = y != NULL ? ref_alloc (n, sizeof *order, error) : NULL;
  codes = order != NULL && !is_text ? ref_alloc (n, sizeof *codes, error) : NULL;
  if (order == NULL || (codes == NULL && !is_text))
    return FALSE;
  Index index = {keys, codes, order};
  if (!is_text)
    load_codes (keys, 0, n, codes);
  for (int64_t i = 0; i < n; i++)
    order[i] = i;
  if (n > 1)
    qsort_r (order, (size_t)n, sizeof *order, compare_places, &index);
  for (int64_t i = 0; i < gonio_tensor_count (x); i++) {
    int64_t code = 0, place;

    if (!is_text)
      load_codes (x, i, 1, &code);
    place = index_find (&index, is_text ? gonio_tensor_string (x, i) : "", code);
    ref_copy (y, i, place >= 0 ? values : k->inputs[3], MAX (place, 0), 1);
  }
  return TRUE;
}

/* ---- support vector machines of more than two classes ---- */

/* What one row of kernel values says of classes i < j: the coefficients of i against j stand in
 * row j - 1, those of j against i in row i. */
static double
decide_pair (const double *kernel, const double *coefficients, const int64_t *start, int64_t n,
             int64_t i, int64_t j)
{
  double sum = 0;

  for (int64_t s = start[i]; s < start[i + 1]; s++)
    sum += coefficients[(j - 1) * n + s] * kernel[s];
  for (int64_t s = start[j]; s < start[j + 1]; s++)
    sum += coefficients[i * n + s] * kernel[s];
  return sum;
}

/* Where each class's support vectors start, and where the last ones end. */
static int64_t *
class_starts (const GonioTensor *counts, int64_t n, GError **error)
{
  int64_t classes = gonio_tensor_count (counts), count;
  int64_t *start = ref_alloc (classes + 1, sizeof *start, error);

  if (start == NULL)
    return NULL;
  start[0] = 0;
  for (int64_t c = 0; c < classes; c++) {
    ref_load_i64 (counts, c, 1, &count);
    if (count < 0 || count > n - start[c]) {
      ref_raise (error, GONIO_RUN_ERROR_VALUE,
                 "the classes have more than the %" G_GINT64_FORMAT " vectors there are", n);
      g_free (start);
      return NULL;
    }
    start[c + 1] = start[c] + count;
  }
  return start;
}

static gboolean
run_pair_decisions (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x), *table = gonio_tensor_shape (k->inputs[1]);
  int64_t classes = gonio_tensor_count (k->inputs[2]), pairs = gonio_tensor_count (k->inputs[3]);
  g_autofree double *coefficients = NULL;
  g_autofree double *offsets = NULL;
  g_autofree double *row = NULL;
  g_autofree int64_t *start = NULL;

  if (shape->rank != 2 || table->rank != 2 || table->dims[1] != shape->dims[1] || classes < 2 ||
      classes > GONIO_MAX_PAIRED_CLASSES || table->dims[0] != classes - 1 ||
      pairs != classes * (classes - 1) / 2)
    return ref_bad_shape (error, "kernel, coefficients, classes and offsets do not fit each other");
  y = ref_output (k, 0, gonio_tensor_dtype (x), REF_SHAPE (shape->dims[0], pairs), error);
  if (y == NULL || gonio_tensor_count (y) == 0)
    return y != NULL;
  int64_t n = shape->dims[1], at = 0;
  start = class_starts (k->inputs[2], n, error);
  coefficients = start ? ref_dup_f64 (k->inputs[1], error) : NULL;
  offsets = coefficients ? ref_dup_f64 (k->inputs[3], error) : NULL;
  row = offsets ? ref_alloc (n, sizeof *row, error) : NULL;
  if (row == NULL)
    return FALSE;
  for (int64_t r = 0; r < shape->dims[0]; r++) {
    int64_t pair = 0;

    ref_load_f64 (x, r * n, n, row);
    for (int64_t i = 0; i < classes; i++) {
      if (g_cancellable_set_error_if_cancelled (k->cancellable, error))
        return FALSE;
      for (int64_t j = i + 1; j < classes; j++) {
        double sum = offsets[pair++] + decide_pair (row, coefficients, start, n, i, j);

        ref_store_f64 (y, at++, 1, &sum);
      }
    }
  }
  return TRUE;
}

/* Index of the pair i < j. */
#define PAIR(n, i, j) ((i) * (2 * (n) - (i)-1) / 2 + (j) - (i)-1)

static void
count_pair_votes (const double *decisions, int64_t n, double *out)
{
  for (int64_t i = 0; i < n; i++)
    out[i] = 0;
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + 1; j < n; j++)
      out[decisions[PAIR (n, i, j)] > 0 ? i : j] += 1;
}

/* Probability of i where only i and j are possible, kept away from 0 and 1. */
static double
pair_probability (const double *given, int64_t n, int64_t i, int64_t j)
{
  double p = i < j ? given[PAIR (n, i, j)] : 1 - given[PAIR (n, j, i)];

  return CLAMP (p, 1e-7, 1 - 1e-7);
}

/* Wu, Lin and Weng, "Probability estimates for multi-class classification by pairwise coupling",
 * second method: p minimises the sum of (r_ji p_i - r_ij p_j)^2, found coordinate by coordinate.
 * Limits as in LIBSVM. scratch: n + n * n. */
static void
couple_pairs (const double *given, int64_t n, double *p, double *scratch)
{
  double *qp = scratch, *q = scratch + n;

  for (int64_t i = 0; i < n; i++) {
    p[i] = 1.0 / (double)n;
    q[i * n + i] = 0;
    for (int64_t j = 0; j < n; j++) {
      double other = i == j ? 0 : pair_probability (given, n, j, i);

      q[i * n + i] += other * other;
      if (i != j)
        q[i * n + j] = -other * pair_probability (given, n, i, j);
    }
  }
  for (int64_t round = 0; round < MAX (100, n); round++) {
    double pqp = 0, worst = 0;

    for (int64_t i = 0; i < n; i++) {
      qp[i] = 0;
      for (int64_t j = 0; j < n; j++)
        qp[i] += q[i * n + j] * p[j];
      pqp += p[i] * qp[i];
    }
    for (int64_t i = 0; i < n; i++)
      worst = fmax (worst, fabs (qp[i] - pqp));
    if (worst < 0.005 / (double)n)
      return;
    for (int64_t i = 0; i < n; i++) {
      double step = (pqp - qp[i]) / q[i * n + i];

      p[i] += step;
      pqp = (pqp + step * (step * q[i * n + i] + 2 * qp[i])) / (1 + step) / (1 + step);
      for (int64_t j = 0; j < n; j++) {
        qp[j] = (qp[j] + step * q[i * n + j]) / (1 + step);
        p[j] /= 1 + step;
      }
    }
  }
}

static gboolean
run_pair_coupling (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  const GonioShape *shape = gonio_tensor_shape (x);
  int64_t n = ref_attr_int (k, "classes", 0);
  gboolean probability = ref_attr_int (k, "probability", 0) != 0;
  g_autofree double *row = NULL;

  if (n < 2 || n > GONIO_MAX_PAIRED_CLASSES || shape->rank != 2 ||
      shape->dims[1] != n * (n - 1) / 2)
    return ref_bad_shape (error,
                          "its input does not hold the pairs of %" G_GINT64_FORMAT " classes", n);
  y = ref_output (k, 0, gonio_tensor_dtype (x), REF_SHAPE (shape->dims[0], n), error);
  if (y == NULL || gonio_tensor_count (y) == 0)
    return y != NULL;
  row = ref_alloc (shape->dims[1] + 2 * n + n * n, sizeof *row, error);
  if (row == NULL)
    return FALSE;
  double *out = row + shape->dims[1];
  for (int64_t r = 0; r < shape->dims[0]; r++) {
    if (g_cancellable_set_error_if_cancelled (k->cancellable, error))
      return FALSE;
    ref_load_f64 (x, r * shape->dims[1], shape->dims[1], row);
    if (probability)
      couple_pairs (row, n, out, out + n);
    else
      count_pair_votes (row, n, out);
    ref_store_f64 (y, r * n, n, out);
  }
  return TRUE;
}

#define LABELS (REF_NUMBERS | REF_T (STRING))

const RefRow ref_rows_ml[] = {
    {GONIO_OP_LABEL_ENCODER, run_label_encoder, NULL, {LABELS, LABELS, REF_ANY}, 0x3, 0},
    {GONIO_OP_PAIR_COUPLING, run_pair_coupling, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_PAIR_DECISIONS,
     run_pair_decisions,
     NULL,
     {REF_FLOATS, REF_FLOATS, REF_T (INT64), REF_FLOATS},
     0xb,
     0},
    {0},
};
