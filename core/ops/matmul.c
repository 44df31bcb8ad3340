/* Matrix products. Depends on family.h. */
#include "core/ops/family.h"

#include <string.h>

/* numpy.matmul of two shapes: vectors count as matrices whose added dimension is dropped. */
static gboolean
sym_matmul (const GonioSymShape *a, const GonioSymShape *b, GonioSymShape *out, GError **error)
{
  GonioSymShape x = *a, y = *b, batch = {0};

  *out = (GonioSymShape){0};
  if (!a->has_rank || !b->has_rank)
    return TRUE;
  if (a->rank == 0 || b->rank == 0)
    return gonio_infer_fail (error, "a scalar cannot be multiplied as a matrix.");
  if (a->rank == 1) {
    x = gonio_sym_rank (2);
    x.dims[0] = GONIO_DIM (1);
    x.dims[1] = a->dims[0];
  }
  if (b->rank == 1) {
    y = gonio_sym_rank (2);
    y.dims[0] = b->dims[0];
    y.dims[1] = GONIO_DIM (1);
  }
  GonioDim k = {0};
  if (!gonio_dim_merge (x.dims[x.rank - 1], y.dims[y.rank - 2], &k)) {
    g_autofree char *text_a = gonio_sym_shape_to_string (a);
    g_autofree char *text_b = gonio_sym_shape_to_string (b);
    return gonio_infer_fail (error, "matrices of shape %s and %s cannot be multiplied.", text_a,
                             text_b);
  }
  GonioSymShape head_x = x, head_y = y;
  head_x.rank -= 2;
  head_y.rank -= 2;
  if (!gonio_sym_broadcast (&head_x, &head_y, &batch, error))
    return FALSE;
  *out = batch;
  if (a->rank > 1)
    out->dims[out->rank++] = x.dims[x.rank - 2];
  if (b->rank > 1)
    out->dims[out->rank++] = y.dims[y.rank - 1];
  return TRUE;
}

static gboolean
infer_matmul (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = {0};
  return gonio_infer_same_dtype (infer, 0, 1, error) &&
         sym_matmul (gonio_infer_shape (infer, 0), gonio_infer_shape (infer, 1), &shape, error) &&
         gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_gemm (GonioInfer *infer, GError **error)
{
  gboolean trans_a = gonio_node_attr_int (infer->node, "transA", 0) != 0;
  gboolean trans_b = gonio_node_attr_int (infer->node, "transB", 0) != 0;
  GonioDim k_a = gonio_infer_dim (infer, 0, !trans_a), k_b = gonio_infer_dim (infer, 1, trans_b);
  GonioSymShape shape = gonio_sym_rank (2), sum = {0};
  GonioDim k = {0};

  if (!gonio_infer_need_rank (infer, 0, 2, 2, error) ||
      !gonio_infer_need_rank (infer, 1, 2, 2, error) ||
      !gonio_infer_need_rank (infer, 2, 0, 2, error) ||
      !gonio_infer_same_dtype (infer, 0, 1, error) || !gonio_infer_same_dtype (infer, 0, 2, error))
    return FALSE;
  if (!gonio_dim_merge (k_a, k_b, &k))
    return gonio_infer_fail (
        error, "its inner dimensions are %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT ".", k_a.value,
        k_b.value);
  shape.dims[0] = gonio_infer_dim (infer, 0, trans_a);
  shape.dims[1] = gonio_infer_dim (infer, 1, !trans_b);
  if (gonio_infer_rank (infer, 2) >= 0) {
    if (!gonio_sym_broadcast (&shape, gonio_infer_shape (infer, 2), &sum, error))
      return FALSE;
    for (int d = 0; d < 2; d++) {
      if (sum.dims[d].value >= 0 && shape.dims[d].value >= 0 &&
          sum.dims[d].value != shape.dims[d].value)
        return gonio_infer_fail (error, "C is larger than the product.");
    }
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

static gboolean
infer_matmul_integer (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = {0};
  return sym_matmul (gonio_infer_shape (infer, 0), gonio_infer_shape (infer, 1), &shape, error) &&
         gonio_infer_set (infer, 0, GONIO_DTYPE_INT32, &shape, error);
}

/* Inputs: a, its scale and zero point, b, its, the result's. */
static gboolean
infer_qlinear_matmul (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = {0};
  return sym_matmul (gonio_infer_shape (infer, 0), gonio_infer_shape (infer, 3), &shape, error) &&
         gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 7), &shape, error);
}

static gboolean
infer_det (GonioInfer *infer, GError **error)
{
  GonioSymShape shape = *gonio_infer_shape (infer, 0);

  if (!gonio_infer_need_rank (infer, 0, 2, GONIO_MAX_RANK, error))
    return FALSE;
  if (shape.has_rank) {
    GonioDim side = {0};
    if (!gonio_dim_merge (shape.dims[shape.rank - 1], shape.dims[shape.rank - 2], &side))
      return gonio_infer_fail (error, "its matrices are not square.");
    shape.rank -= 2;
  }
  return gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* ---- Einsum ---- */

#define LETTERS     52
#define ELLIPSIS_AT LETTERS /* dimensions under "..." take numbers from here on */

typedef struct {
  GonioDim dims[LETTERS + GONIO_MAX_RANK];
  gboolean seen[LETTERS + GONIO_MAX_RANK];
  guint counts[LETTERS];
  int ellipsis_rank; /* -1: none seen */
} Einsum;

static int
letter_index (char c)
{
  return c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? c - 'A' + 26 : -1;
}

static gboolean
merge_letter (Einsum *e, int at, GonioDim dim, GError **error)
{
  if (!e->seen[at] || e->dims[at].value == 1) { /* numpy lets ones broadcast */
    e->seen[at] = TRUE;
    e->dims[at] = dim;
    return TRUE;
  }
  if (dim.value == 1 || gonio_dim_merge (e->dims[at], dim, &e->dims[at]))
    return TRUE;
  return gonio_infer_fail (
      error, "one index stands for %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT " elements.",
      e->dims[at].value, dim.value);
}

/* One operand's subscripts against its shape. */
static gboolean
read_term (Einsum *e, const char *term, const GonioSymShape *shape, GError **error)
{
  const char *dots = strstr (term, "...");
  int letters = 0, d = 0;

  for (const char *c = term; *c; c++) {
    letters += letter_index (*c) >= 0;
    if (letter_index (*c) < 0 && *c != '.')
      return gonio_infer_fail (error, "its equation holds “%c”.", *c);
  }
  if (letters > GONIO_MAX_RANK ||
      (shape->has_rank && (dots ? letters > shape->rank : letters != shape->rank)))
    return gonio_infer_fail (error, "term “%s” does not fit rank %d.", term, shape->rank);
  int hidden = dots && shape->has_rank ? shape->rank - letters : 0;
  if (dots)
    e->ellipsis_rank = MAX (e->ellipsis_rank, hidden);
  for (const char *c = term; *c; c++) {
    if (c == dots) {
      for (int k = 0; k < hidden; k++, d++) {
        /* aligned at the end, as broadcasting is */
        if (!merge_letter (e, ELLIPSIS_AT + GONIO_MAX_RANK - hidden + k, shape->dims[d], error))
          return FALSE;
      }
      c += 2;
      continue;
    }
    int at = letter_index (*c);
    if (at < 0)
      return gonio_infer_fail (error, "its equation holds a stray dot.");
    e->counts[at]++;
    if (shape->has_rank && !merge_letter (e, at, shape->dims[d], error))
      return FALSE;
    d++;
  }
  return TRUE;
}

static gboolean
build_result (const Einsum *e, const char *result, GonioSymShape *out, GError **error)
{
  *out = (GonioSymShape){.has_rank = TRUE};
  for (const char *c = result; *c; c++) {
    gboolean dots = g_str_has_prefix (c, "...");
    int at = letter_index (*c);
    int n = dots ? MAX (e->ellipsis_rank, 0) : 1;
    if (!dots && at < 0)
      return gonio_infer_fail (error, "its equation holds “%c”.", *c);
    if (out->rank + n > GONIO_MAX_RANK)
      return gonio_infer_fail (error, "its result has too many dimensions.");
    for (int k = 0; k < n; k++)
      out->dims[out->rank++] = dots ? e->dims[ELLIPSIS_AT + GONIO_MAX_RANK - n + k] : e->dims[at];
    c += dots ? 2 : 0;
  }
  return TRUE;
}

/* Without an arrow the result has "..." and every letter seen once, in order of the alphabet. */
static char *
implicit_result (const Einsum *e)
{
  GString *text = g_string_new (e->ellipsis_rank >= 0 ? "..." : "");
  for (int c = 0; c < 26; c++) {
    if (e->counts[c + 26] == 1)
      g_string_append_c (text, (char)('A' + c));
  }
  for (int c = 0; c < 26; c++) {
    if (e->counts[c] == 1)
      g_string_append_c (text, (char)('a' + c));
  }
  return g_string_free (text, FALSE);
}

static gboolean
infer_einsum (GonioInfer *infer, GError **error)
{
  const char *equation = gonio_node_attr_string (infer->node, "equation", "");
  g_auto (GStrv) words = g_strsplit (equation, " ", -1);
  g_autofree char *plain = g_strjoinv ("", words);
  g_auto (GStrv) sides = g_strsplit (plain, "->", 2);
  g_auto (GStrv) terms = g_strsplit (sides[0] ? sides[0] : "", ",", -1);
  Einsum e = {.ellipsis_rank = -1};
  GonioSymShape shape = {0};
  gboolean all_known = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (e.dims); i++)
    e.dims[i] = GONIO_DIM_UNKNOWN;
  if (MAX (g_strv_length (terms), 1) != infer->node->n_inputs)
    return gonio_infer_fail (error, "its equation has %u terms for %u inputs.",
                             g_strv_length (terms), infer->node->n_inputs);
  for (guint i = 0; i < infer->node->n_inputs; i++) {
    if (!gonio_infer_same_dtype (infer, 0, i, error) ||
        !read_term (&e, terms[i] ? terms[i] : "", gonio_infer_shape (infer, i), error))
      return FALSE;
    all_known = all_known && gonio_infer_rank (infer, i) >= 0;
  }
  if (!all_known && e.ellipsis_rank >= 0)
    return gonio_infer_dtype_only (infer, 0, gonio_infer_dtype (infer, 0), error);
  g_autofree char *result = sides[0] && sides[1] ? g_strdup (sides[1]) : implicit_result (&e);
  return build_result (&e, result, &shape, error) &&
         gonio_infer_set (infer, 0, gonio_infer_dtype (infer, 0), &shape, error);
}

/* ---- schemas ---- */

#define ACTIVATION                                                                                 \
  {"activation", GONIO_ATTR_STRING, FALSE},                                                        \
  {                                                                                                \
    "activation_params", GONIO_ATTR_FLOATS, FALSE                                                  \
  }

static const GonioAttrSchema attrs_gemm[] = {{"alpha", GONIO_ATTR_FLOAT, FALSE},
                                             {"beta", GONIO_ATTR_FLOAT, FALSE},
                                             {"transA", GONIO_ATTR_INT, FALSE},
                                             {"transB", GONIO_ATTR_INT, FALSE},
                                             ACTIVATION,
                                             {0}};
static const GonioAttrSchema attrs_matmul[] = {ACTIVATION, {0}};
static const GonioAttrSchema attrs_einsum[] = {{"equation", GONIO_ATTR_STRING, TRUE}, {0}};

#define LAYOUT   GONIO_OPF_LAYOUT_SENSITIVE
#define ROUNDING GONIO_TOLERANCE_ROUNDING

const GonioOpDef gonio_ops_matmul[] = {
    {GONIO_OP_DET, 1, 1, 1, 1, LAYOUT, 0, ROUNDING, NULL, infer_det},
    {GONIO_OP_EINSUM, 1, -1, 1, 1, LAYOUT, 0, ROUNDING, attrs_einsum, infer_einsum},
    {GONIO_OP_GEMM, 2, 3, 1, 1, LAYOUT, 0, ROUNDING, attrs_gemm, infer_gemm},
    {GONIO_OP_MATMUL, 2, 2, 1, 1, LAYOUT, 0, ROUNDING, attrs_matmul, infer_matmul},
    {GONIO_OP_MATMUL_INTEGER, 2, 4, 1, 1, LAYOUT, 0, GONIO_TOLERANCE_EXACT, NULL,
     infer_matmul_integer},
    {GONIO_OP_QLINEAR_MATMUL, 8, 8, 1, 1, LAYOUT, 0, ROUNDING, NULL, infer_qlinear_matmul},
    {.id = GONIO_OP_INVALID},
};
