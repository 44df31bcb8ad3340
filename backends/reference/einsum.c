/* Einsum: the sum over every label that the output lacks, term by term. Det.
 * Depends on kernel.h. */
#include "backends/reference/kernel.h"
#include "backends/reference/window.h"

#include <math.h>
#include <string.h>

/* Labels: 52 letters, then the dimensions an ellipsis stands for, the last one last. */
#define LETTERS   52
#define MAX_LABEL (LETTERS + GONIO_MAX_RANK)
/* Terms beyond this would take hours: nobody meant them. */
#define MAX_TERMS ((int64_t)1 << 38)

typedef struct {
  int64_t dim[MAX_LABEL]; /* -1: not used */
  int uses[MAX_LABEL];    /* in the operands */
  int ellipsis;           /* dimensions it stands for: the most of any operand */
  int n_output;
  int output[MAX_LABEL]; /* labels of the result in order */
  guint n_operands;
  int64_t *strides; /* n_operands x MAX_LABEL */
} Einsum;

static int
letter_label (char c)
{
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return 26 + c - 'a';
  return -1;
}

static gboolean
use_dim (Einsum *e, int label, int64_t dim, GError **error)
{
  if (e->dim[label] > 1 && dim != 1 && dim != e->dim[label])
    return ref_bad_shape (
        error, "one label stands for dimensions of %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT,
        e->dim[label], dim);
  if (e->dim[label] < 0 || e->dim[label] == 1)
    e->dim[label] = dim;
  e->uses[label]++;
  return TRUE;
}

/* One operand's term, e.g. "...ij", against its shape. */
static gboolean
read_term (Einsum *e, const char *term, const GonioShape *shape, int64_t *strides, GError **error)
{
  const char *dots = strstr (term, "...");
  int named = (int)strlen (term) - (dots != NULL ? 3 : 0), d = 0;
  int hidden = shape->rank - named;
  int64_t own[GONIO_MAX_RANK];

  if (hidden < 0 || (hidden > 0 && dots == NULL))
    return ref_bad_shape (error, "term \"%s\" does not fit an operand of rank %d", term,
                          shape->rank);
  gonio_shape_strides (shape, own);
  for (const char *c = term; *c != '\0'; c++) {
    int label = letter_label (*c), n = 1;

    if (c == dots) {
      label = MAX_LABEL - hidden;
      n = hidden;
      c += 2;
      e->ellipsis = MAX (e->ellipsis, hidden);
    } else if (label < 0) {
      return ref_bad_value (error, "'%c' has no meaning in term \"%s\"", *c, term);
    }
    for (int i = 0; i < n; i++, d++) {
      if (!use_dim (e, label + i, shape->dims[d], error))
        return FALSE;
      if (shape->dims[d] != 1)
        strides[label + i] += own[d];
    }
  }
  return TRUE;
}

static gboolean
read_output (Einsum *e, const char *term, GError **error)
{
  gboolean seen[MAX_LABEL] = {FALSE};

  for (const char *c = term; *c != '\0'; c++) {
    int label = letter_label (*c);

    if (g_str_has_prefix (c, "...") && !seen[MAX_LABEL - 1]) {
      for (int i = MAX_LABEL - e->ellipsis; i < MAX_LABEL; i++)
        e->output[e->n_output++] = i;
      seen[MAX_LABEL - 1] = TRUE;
      c += 2;
      continue;
    }
    if (label < 0 || seen[label] || e->uses[label] == 0)
      return ref_bad_value (error, "output term \"%s\" is not made of the operands' labels", term);
    seen[label] = TRUE;
    e->output[e->n_output++] = label;
  }
  return TRUE;
}

/* Without "->": what an ellipsis stands for, then the labels used once, in alphabetical order. */
static void
implicit_output (Einsum *e)
{
  for (int i = MAX_LABEL - e->ellipsis; i < MAX_LABEL; i++)
    e->output[e->n_output++] = i;
  for (int i = 0; i < LETTERS; i++)
    if (e->uses[i] == 1)
      e->output[e->n_output++] = i;
}

static gboolean
read_equation (Einsum *e, const GonioKernel *k, GError **error)
{
  const char *equation = ref_attr_string (k, "equation", "");
  g_auto (GStrv) words = g_strsplit (equation, " ", -1);
  g_autofree char *compact = g_strjoinv ("", words);
  char *arrow = strstr (compact, "->");
  g_auto (GStrv) terms = NULL;

  if (arrow != NULL)
    *arrow = '\0';
  terms = g_strsplit (compact, ",", -1);
  if (g_strv_length (terms) != k->node->n_inputs && !(*compact == '\0' && k->node->n_inputs == 1))
    return ref_bad_value (error, "equation \"%s\" has %u terms for %u operands", equation,
                          g_strv_length (terms), k->node->n_inputs);
  for (guint i = 0; i < k->node->n_inputs; i++) {
    if (k->inputs[i] == NULL)
      return ref_bad_shape (error, "input %u is missing", i);
    if (!read_term (e, *compact == '\0' ? "" : terms[i], gonio_tensor_shape (k->inputs[i]),
                    e->strides + i * MAX_LABEL, error))
      return FALSE;
  }
  if (arrow == NULL)
    implicit_output (e);
  else if (!read_output (e, arrow + 2, error))
    return FALSE;
  if (e->n_output > GONIO_MAX_RANK)
    return ref_bad_shape (error, "result would have rank %d", e->n_output);
  return TRUE;
}

/* Sums the terms of one result element; start: each operand's first element. */
static void
sum_terms (const Einsum *e, GonioTensor *const *inputs, int rank, const int *labels,
           const int64_t *dims, const int64_t *start, gboolean is_float, double *out_f,
           uint64_t *out_u)
{
  int64_t index[MAX_LABEL] = {0};

  *out_f = 0;
  *out_u = 0;
  do {
    double product = 1;
    uint64_t wrapped = 1;

    for (guint i = 0; i < e->n_operands; i++) {
      int64_t at = start[i];

      for (int d = 0; d < rank; d++)
        at += index[d] * e->strides[i * MAX_LABEL + labels[d]];
      if (is_float) {
        double value;

        ref_load_f64 (inputs[i], at, 1, &value);
        product *= value;
      } else {
        int64_t value;

        ref_load_i64 (inputs[i], at, 1, &value);
        wrapped *= (uint64_t)value;
      }
    }
    *out_f += product;
    *out_u += wrapped;
  } while (ref_next_index (rank, dims, index));
}

static gboolean
contract (const Einsum *e, GonioKernel *k, GonioTensor *y, GError **error)
{
  gboolean is_float = ref_form (gonio_tensor_dtype (y)) == REF_FORM_FLOAT;
  const GonioShape *shape = gonio_tensor_shape (y);
  int64_t index[GONIO_MAX_RANK] = {0}, dims[MAX_LABEL], terms = gonio_tensor_count (y), at = 0;
  int labels[MAX_LABEL], rank = 0;
  gboolean empty = FALSE;
  g_autofree int64_t *start = g_new0 (int64_t, e->n_operands);

  for (int label = 0; label < MAX_LABEL; label++) {
    gboolean kept = e->dim[label] < 0;

    for (int i = 0; i < e->n_output; i++)
      kept = kept || e->output[i] == label;
    if (kept)
      continue;
    labels[rank] = label;
    dims[rank++] = e->dim[label];
    empty = empty || e->dim[label] == 0;
    if (!gonio_checked_mul_i64 (terms, MAX (e->dim[label], 1), &terms) || terms > MAX_TERMS)
      return ref_bad_shape (error, "the sum has too many terms");
  }
  do {
    double sum = 0;
    uint64_t wrapped = 0;

    if ((at & 1023) == 0 && g_cancellable_set_error_if_cancelled (k->cancellable, error))
      return FALSE;
    for (guint i = 0; i < e->n_operands; i++) {
      start[i] = 0;
      for (int d = 0; d < shape->rank; d++)
        start[i] += index[d] * e->strides[i * MAX_LABEL + e->output[d]];
    }
    if (!empty)
      sum_terms (e, k->inputs, rank, labels, dims, start, is_float, &sum, &wrapped);
    if (is_float)
      ref_store_f64 (y, at, 1, &sum);
    else
      ref_store_i64 (y, at, 1, (const int64_t *)&wrapped, FALSE);
    at++;
  } while (ref_next_index (shape->rank, shape->dims, index));
  return TRUE;
}

static gboolean
run_einsum (GonioKernel *k, GError **error)
{
  g_autofree int64_t *strides = g_new0 (int64_t, (gsize)k->node->n_inputs * MAX_LABEL);
  Einsum e = {.n_operands = k->node->n_inputs, .strides = strides};
  GonioShape shape = GONIO_SHAPE_SCALAR;
  GonioTensor *y;

  for (int i = 0; i < MAX_LABEL; i++)
    e.dim[i] = -1;
  if (!read_equation (&e, k, error))
    return FALSE;
  for (int i = 0; i < e.n_output; i++)
    shape.dims[shape.rank++] = e.dim[e.output[i]];
  y = ref_output (k, 0, gonio_tensor_dtype (k->inputs[0]), &shape, error);
  if (y == NULL)
    return FALSE;
  return gonio_tensor_count (y) == 0 || contract (&e, k, y, error);
}

/* ---- Det ---- */

/* Gaussian elimination with partial pivoting; a (n x n) is used up. */
static gboolean
determinant (double *a, int64_t n, double *out_det, GError **error)
{
  double det = 1;

  for (int64_t c = 0; c < n; c++) {
    int64_t pivot = c;

    if (!gonio_work_go_on (error))
      return FALSE;
    for (int64_t r = c + 1; r < n; r++)
      if (fabs (a[r * n + c]) > fabs (a[pivot * n + c]))
        pivot = r;
    if (a[pivot * n + c] == 0) {
      *out_det = 0;
      return TRUE;
    }
    for (int64_t j = 0; pivot != c && j < n; j++) {
      double held = a[c * n + j];

      a[c * n + j] = a[pivot * n + j];
      a[pivot * n + j] = held;
    }
    det *= pivot != c ? -a[c * n + c] : a[c * n + c];
    for (int64_t r = c + 1; r < n; r++) {
      double factor = a[r * n + c] / a[c * n + c];

      for (int64_t j = c; j < n; j++)
        a[r * n + j] -= factor * a[c * n + j];
    }
  }
  *out_det = det;
  return TRUE;
}

static gboolean
run_det (GonioKernel *k, GError **error)
{
  GonioTensor *x = k->inputs[0], *y;
  GonioShape shape = *gonio_tensor_shape (x);
  g_autofree double *a = NULL;
  int64_t n;

  if (shape.rank < 2 || shape.dims[shape.rank - 1] != shape.dims[shape.rank - 2])
    return ref_bad_shape (error, "input must hold square matrices");
  n = shape.dims[shape.rank - 1];
  shape.rank -= 2;
  y = ref_output (k, 0, gonio_tensor_dtype (x), &shape, error);
  if (y == NULL)
    return FALSE;
  a = ref_alloc (n > 0 ? gonio_tensor_count (x) / MAX (gonio_tensor_count (y), 1) : 0, sizeof *a,
                 error);
  if (a == NULL)
    return FALSE;
  for (int64_t i = 0; i < gonio_tensor_count (y); i++) {
    double det = 0;

    ref_load_f64 (x, i * n * n, n * n, a);
    if (!determinant (a, n, &det, error))
      return FALSE;
    ref_store_f64 (y, i, 1, &det);
  }
  return TRUE;
}

const RefRow ref_rows_einsum[] = {
    {GONIO_OP_DET, run_det, NULL, {REF_FLOATS}, 0, 0},
    {GONIO_OP_EINSUM, run_einsum, NULL, {REF_NUMBERS}, REF_SAME_ALL, 0},
    {0},
};
