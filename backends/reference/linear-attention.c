/* LinearAttention: a state per key/value head, updated token by token in double.
 * Depends on kernel.h. The formulas are those of the ONNX specification (opset 27):
 *   linear       S = S + k v'
 *   gated        S = exp (g) S + k v'
 *   delta        S = S + beta k (v - S' k)'
 *   gated_delta  S = exp (g) S + beta k (v - exp (g) S' k)'
 * and the result of a query q is scale q' S. */
#include "backends/reference/kernel.h"

#include <math.h>
#include <string.h>

typedef struct {
  int64_t batch, length, q_heads, heads; /* heads: of keys, values and states */
  int64_t k_size, v_size;
  gboolean decays, corrects;
  int64_t decay_width, beta_width; /* numbers per token */
  double scale;
} Linear;

/* One token of one batch, wide. */
typedef struct {
  double *q, *k, *v, *decay, *beta;
  double *found; /* v_size: what the state holds for the key */
  double *out;   /* q_heads * v_size */
} Token;

static gboolean
is_packed (const GonioTensor *tensor, const Linear *a)
{
  const GonioShape *shape = gonio_tensor_shape (tensor);

  return shape->rank == 3 && shape->dims[0] == a->batch && shape->dims[1] == a->length;
}

static gboolean
read_rule (Linear *a, const GonioKernel *k, GError **error)
{
  static const struct {
    const char *name;
    gboolean decays, corrects;
  } rules[] = {{"linear", FALSE, FALSE},
               {"gated", TRUE, FALSE},
               {"delta", FALSE, TRUE},
               {"gated_delta", TRUE, TRUE}};
  const char *name = ref_attr_string (k, "update_rule", "gated_delta");

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++) {
    if (!g_str_equal (rules[i].name, name))
      continue;
    a->decays = rules[i].decays;
    a->corrects = rules[i].corrects;
    if (a->decays && ref_in (k, 4) == NULL)
      return ref_bad_shape (error, "update_rule %s needs the input decay", name);
    if (a->corrects && ref_in (k, 5) == NULL)
      return ref_bad_shape (error, "update_rule %s needs the input beta", name);
    return TRUE;
  }
  return ref_bad_value (error, "update_rule is \"%s\"", name);
}

/* decay holds one number per head or per element of a key, beta one per head or one. */
static gboolean
read_gates (Linear *a, const GonioKernel *k, GError **error)
{
  int64_t width;

  if (a->decays) {
    width = is_packed (k->inputs[4], a) ? gonio_tensor_shape (k->inputs[4])->dims[2] : -1;
    if (width != a->heads && width != a->heads * a->k_size)
      return ref_bad_shape (error, "decay must be [batch,length,heads] or [...,heads*key size]");
    a->decay_width = width;
  }
  if (a->corrects) {
    width = is_packed (k->inputs[5], a) ? gonio_tensor_shape (k->inputs[5])->dims[2] : -1;
    if (width != a->heads && width != 1)
      return ref_bad_shape (error, "beta must be [batch,length,heads] or [batch,length,1]");
    a->beta_width = width;
  }
  return TRUE;
}

static gboolean
linear_init (Linear *a, const GonioKernel *k, GError **error)
{
  const GonioShape *q = gonio_tensor_shape (k->inputs[0]);
  const GonioShape *key = gonio_tensor_shape (k->inputs[1]);
  const GonioShape *v = gonio_tensor_shape (k->inputs[2]);
  GonioTensor *past = ref_in (k, 3);
  double scale = ref_attr_float (k, "scale", 0);

  if (q->rank != 3)
    return ref_bad_shape (error, "query has rank %d, not 3", q->rank);
  *a = (Linear){.batch = q->dims[0],
                .length = q->dims[1],
                .q_heads = ref_attr_int (k, "q_num_heads", 0),
                .heads = ref_attr_int (k, "kv_num_heads", 0)};
  if (a->heads < 1 || a->q_heads < 1 || a->q_heads % a->heads != 0)
    return ref_bad_value (
        error, "%" G_GINT64_FORMAT " query heads cannot share %" G_GINT64_FORMAT " key heads",
        a->q_heads, a->heads);
  if (!is_packed (k->inputs[1], a) || !is_packed (k->inputs[2], a) ||
      q->dims[2] % a->q_heads != 0 || key->dims[2] % a->heads != 0 || v->dims[2] % a->heads != 0 ||
      q->dims[2] / a->q_heads != key->dims[2] / a->heads)
    return ref_bad_shape (error, "query, key and value do not fit each other and their heads");
  if (key->dims[2] == 0) /* or any number of heads would fit */
    return ref_bad_shape (error, "keys are empty");
  a->k_size = key->dims[2] / a->heads;
  a->v_size = v->dims[2] / a->heads;
  a->scale = scale != 0 ? scale : 1 / sqrt ((double)MAX (a->k_size, 1));
  if (past != NULL && !gonio_shape_equal (gonio_tensor_shape (past),
                                          REF_SHAPE (a->batch, a->heads, a->k_size, a->v_size)))
    return ref_bad_shape (error, "past_state must be [batch,heads,key size,value size]");
  return read_rule (a, k, error) && read_gates (a, k, error);
}

/* ---- one token ---- */

/* Head h of the state takes in the token's key and value. */
static void
update_head (const Linear *a, const Token *t, int64_t h, double *state)
{
  const double *key = t->k + h * a->k_size, *value = t->v + h * a->v_size;
  double beta = a->corrects ? t->beta[a->beta_width == 1 ? 0 : h] : 1;

  memset (t->found, 0, (size_t)a->v_size * sizeof (double));
  for (int64_t i = 0; i < a->k_size; i++) {
    double *row = state + i * a->v_size;
    double kept =
        a->decays ? exp (t->decay[a->decay_width == a->heads ? h : h * a->k_size + i]) : 1;

    for (int64_t j = 0; j < a->v_size; j++) {
      row[j] = a->decays ? row[j] * kept : row[j];
      t->found[j] += a->corrects ? row[j] * key[i] : 0;
    }
  }
  for (int64_t i = 0; i < a->k_size; i++)
    for (int64_t j = 0; j < a->v_size; j++)
      state[i * a->v_size + j] += key[i] * (beta * (value[j] - t->found[j]));
}

static void
read_token (const Linear *a, const Token *t, const double *states)
{
  int64_t group = a->q_heads / a->heads;

  memset (t->out, 0, (size_t)(a->q_heads * a->v_size) * sizeof (double));
  for (int64_t h = 0; h < a->q_heads; h++) {
    const double *state = states + h / group * a->k_size * a->v_size;
    double *out = t->out + h * a->v_size;

    for (int64_t i = 0; i < a->k_size; i++)
      for (int64_t j = 0; j < a->v_size; j++)
        out[j] += t->q[h * a->k_size + i] * state[i * a->v_size + j];
    for (int64_t j = 0; j < a->v_size; j++)
      out[j] *= a->scale;
  }
}

static void
load_token (const Linear *a, const GonioKernel *k, int64_t at, const Token *t)
{
  int64_t keys = a->heads * a->k_size, values = a->heads * a->v_size;
  int64_t queries = a->q_heads * a->k_size;

  ref_load_f64 (k->inputs[0], at * queries, queries, t->q);
  ref_load_f64 (k->inputs[1], at * keys, keys, t->k);
  ref_load_f64 (k->inputs[2], at * values, values, t->v);
  if (a->decays)
    ref_load_f64 (k->inputs[4], at * a->decay_width, a->decay_width, t->decay);
  if (a->corrects)
    ref_load_f64 (k->inputs[5], at * a->beta_width, a->beta_width, t->beta);
}

static gboolean
run_tokens (const Linear *a, GonioKernel *k, double *scratch, double *state, GonioTensor *y,
            GonioTensor *present, GError **error)
{
  int64_t size = a->heads * a->k_size * a->v_size, width = a->q_heads * a->v_size;
  Token t = {.q = scratch};

  t.k = t.q + a->q_heads * a->k_size;
  t.v = t.k + a->heads * a->k_size;
  t.decay = t.v + a->heads * a->v_size;
  t.beta = t.decay + a->decay_width;
  t.found = t.beta + a->beta_width;
  t.out = t.found + a->v_size;
  for (int64_t b = 0; b < a->batch; b++) {
    memset (state, 0, (size_t)size * sizeof *state);
    if (ref_in (k, 3) != NULL)
      ref_load_f64 (k->inputs[3], b * size, size, state);
    for (int64_t i = 0; i < a->length; i++) {
      if (g_cancellable_set_error_if_cancelled (k->cancellable, error))
        return FALSE;
      load_token (a, k, b * a->length + i, &t);
      for (int64_t h = 0; h < a->heads; h++)
        update_head (a, &t, h, state + h * a->k_size * a->v_size);
      read_token (a, &t, state);
      ref_store_f64 (y, (b * a->length + i) * width, width, t.out);
    }
    if (present != NULL)
      ref_store_f64 (present, b * size, size, state);
  }
  return TRUE;
}

static gboolean
run_linear_attention (GonioKernel *k, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (k->inputs[0]);
  g_autofree double *scratch = NULL, *state = NULL;
  GonioTensor *y, *present = NULL;
  int64_t width, row, size;
  Linear a;

  if (!linear_init (&a, k, error))
    return FALSE;
  if (!gonio_checked_mul_i64 (a.q_heads, a.v_size, &width) ||
      !gonio_checked_mul_i64 (a.k_size, a.v_size, &row) ||
      !gonio_checked_mul_i64 (a.heads, row, &size))
    return ref_bad_shape (error, "the state is too large");
  y = ref_output (k, 0, dtype, REF_SHAPE (a.batch, a.length, width), error);
  if (y == NULL)
    return FALSE;
  if (ref_wants (k, 1)) {
    GonioDType kept = ref_in (k, 3) != NULL ? gonio_tensor_dtype (k->inputs[3]) : dtype;

    present = ref_output (k, 1, kept, REF_SHAPE (a.batch, a.heads, a.k_size, a.v_size), error);
    if (present == NULL)
      return FALSE;
  }
  if (gonio_tensor_count (y) == 0 && (present == NULL || gonio_tensor_count (present) == 0))
    return TRUE;
  /* Every term but the last two is the width of an input or of y. */
  scratch = ref_alloc (a.q_heads * a.k_size + a.heads * (a.k_size + a.v_size) + a.decay_width +
                           a.beta_width + a.v_size + width,
                       sizeof *scratch, error);
  state = scratch != NULL ? ref_alloc (size, sizeof *state, error) : NULL;
  return state != NULL && run_tokens (&a, k, scratch, state, y, present, error);
}

const RefRow ref_rows_linear_attention[] = {
    {GONIO_OP_LINEAR_ATTENTION, run_linear_attention, NULL, {REF_FLOATS}, 0x37, 0},
    {0},
};
