/* RNN, GRU and LSTM, step by step in double. Depends on kernel.h. */
#include "backends/reference/kernel.h"

#include <math.h>
#include <string.h>

typedef enum { CELL_RNN, CELL_GRU, CELL_LSTM } CellKind;

/* ---- activations ---- */

typedef struct {
  const char *name;
  double (*run) (double x, double alpha, double beta);
  gboolean has_alpha, has_beta;
  double alpha, beta; /* defaults */
} Activation;

static double
act_relu (double x, double alpha, double beta)
{
  return x > 0 ? x : 0;
}

static double
act_tanh (double x, double alpha, double beta)
{
  return tanh (x);
}

static double
act_sigmoid (double x, double alpha, double beta)
{
  return 1 / (1 + exp (-x));
}

static double
act_affine (double x, double alpha, double beta)
{
  return alpha * x + beta;
}

static double
act_leaky_relu (double x, double alpha, double beta)
{
  return x < 0 ? alpha * x : x;
}

static double
act_thresholded_relu (double x, double alpha, double beta)
{
  return x >= alpha ? x : 0;
}

static double
act_scaled_tanh (double x, double alpha, double beta)
{
  return alpha * tanh (beta * x);
}

static double
act_hard_sigmoid (double x, double alpha, double beta)
{
  double y = alpha * x + beta;

  return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double
act_elu (double x, double alpha, double beta)
{
  return x < 0 ? alpha * expm1 (x) : x;
}

static double
act_softsign (double x, double alpha, double beta)
{
  return x / (1 + fabs (x));
}

static double
act_softplus (double x, double alpha, double beta)
{
  return log1p (exp (-fabs (x))) + (x > 0 ? x : 0);
}

static const Activation activations[] = {
    {"Relu", act_relu, FALSE, FALSE, 0, 0},
    {"Tanh", act_tanh, FALSE, FALSE, 0, 0},
    {"Sigmoid", act_sigmoid, FALSE, FALSE, 0, 0},
    {"Affine", act_affine, TRUE, TRUE, 1, 0},
    {"LeakyRelu", act_leaky_relu, TRUE, FALSE, 0.01, 0},
    {"ThresholdedRelu", act_thresholded_relu, TRUE, FALSE, 1, 0},
    {"ScaledTanh", act_scaled_tanh, TRUE, TRUE, 1, 1},
    {"HardSigmoid", act_hard_sigmoid, TRUE, TRUE, 0.2, 0.5},
    {"Elu", act_elu, TRUE, FALSE, 1, 0},
    {"Softsign", act_softsign, FALSE, FALSE, 0, 0},
    {"Softplus", act_softplus, FALSE, FALSE, 0, 0},
};

/* ---- the network ---- */

#define MAX_FUNCTIONS 3

typedef struct {
  CellKind kind;
  int gates, functions;
  int64_t steps, batch, inputs, hidden, directions;
  gboolean reverse_only, batch_first, linear_before_reset, input_forget;
  double clip; /* 0: none */
  Activation act[2][MAX_FUNCTIONS];
  /* wide copies, owned; all but x, w, r nullable */
  double *x, *w, *r, *b, *h0, *c0, *p;
  int64_t *lengths;
} Network;

static void
network_clear (Network *n)
{
  g_free (n->x);
  g_free (n->w);
  g_free (n->r);
  g_free (n->b);
  g_free (n->h0);
  g_free (n->c0);
  g_free (n->p);
  g_free (n->lengths);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Network, network_clear)

static gboolean
find_activation (const char *name, Activation *out, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (activations); i++)
    if (g_ascii_strcasecmp (activations[i].name, name) == 0) {
      *out = activations[i];
      return TRUE;
    }
  return ref_bad_value (error, "activation \"%s\" is not known", name);
}

/* alpha and beta lists are used up in order by the functions that take one. */
static gboolean
read_activations (Network *n, const GonioKernel *k, GError **error)
{
  static const char *const defaults[][MAX_FUNCTIONS] = {
      {"Tanh"}, {"Sigmoid", "Tanh"}, {"Sigmoid", "Tanh", "Tanh"}};
  const GonioAttr *names = gonio_node_attr (k->node, "activations");
  guint n_alpha, n_beta, alpha_at = 0, beta_at = 0;
  const float *alpha = gonio_node_attr_floats (k->node, "activation_alpha", &n_alpha);
  const float *beta = gonio_node_attr_floats (k->node, "activation_beta", &n_beta);

  if (names != NULL && names->type != GONIO_ATTR_STRINGS)
    names = NULL;
  if (names != NULL && names->count != (size_t)(n->functions * n->directions))
    return ref_bad_value (error,
                          "%" G_GSIZE_FORMAT " activations for %d functions in %" G_GINT64_FORMAT
                          " directions",
                          names->count, n->functions, n->directions);
  for (int i = 0; i < n->functions * (int)n->directions; i++) {
    Activation *a = &n->act[i / n->functions][i % n->functions];

    if (!find_activation (names != NULL ? names->strings[i] : defaults[n->kind][i % n->functions],
                          a, error))
      return FALSE;
    if (a->has_alpha && alpha_at < n_alpha)
      a->alpha = alpha[alpha_at++];
    if (a->has_beta && beta_at < n_beta)
      a->beta = beta[beta_at++];
  }
  return TRUE;
}

static gboolean
check_dims (const GonioTensor *tensor, const char *what, int rank, const int64_t *dims,
            GError **error)
{
  GonioShape wanted = gonio_shape_make (rank, dims);

  if (tensor != NULL && !gonio_shape_equal (gonio_tensor_shape (tensor), &wanted)) {
    g_autofree char *left = gonio_shape_to_string (gonio_tensor_shape (tensor));
    g_autofree char *right = gonio_shape_to_string (&wanted);

    return ref_bad_shape (error, "%s has shape %s, it must be %s", what, left, right);
  }
  return TRUE;
}

static gboolean
read_shapes (Network *n, const GonioKernel *k, GError **error)
{
  const GonioShape *x = gonio_tensor_shape (k->inputs[0]), *r = gonio_tensor_shape (k->inputs[2]);
  int64_t rows, state[3];
  gboolean lstm = n->kind == CELL_LSTM;

  if (x->rank != 3 || r->rank != 3)
    return ref_bad_shape (error, "input and recurrence weights must have rank 3");
  n->steps = x->dims[n->batch_first ? 1 : 0];
  n->batch = x->dims[n->batch_first ? 0 : 1];
  n->inputs = x->dims[2];
  n->hidden = r->dims[2];
  if (n->hidden != ref_attr_int (k, "hidden_size", n->hidden) ||
      !gonio_checked_mul_i64 (n->hidden, 2 * n->gates, &rows))
    return ref_bad_shape (
        error, "hidden_size does not fit weights for %" G_GINT64_FORMAT " hidden units", n->hidden);
  rows /= 2;
  state[0] = n->batch_first ? n->batch : n->directions;
  state[1] = n->batch_first ? n->directions : n->batch;
  state[2] = n->hidden;
  return check_dims (k->inputs[1], "W", 3, (const int64_t[]){n->directions, rows, n->inputs},
                     error) &&
         check_dims (k->inputs[2], "R", 3, (const int64_t[]){n->directions, rows, n->hidden},
                     error) &&
         check_dims (ref_in (k, 3), "B", 2, (const int64_t[]){n->directions, 2 * rows}, error) &&
         check_dims (ref_in (k, 4), "sequence_lens", 1, &n->batch, error) &&
         check_dims (ref_in (k, 5), "initial_h", 3, state, error) &&
         (!lstm || (check_dims (ref_in (k, 6), "initial_c", 3, state, error) &&
                    check_dims (ref_in (k, 7), "P", 2,
                                (const int64_t[]){n->directions, 3 * n->hidden}, error)));
}

static gboolean
widen (const GonioTensor *tensor, double **out, GError **error)
{
  *out = tensor != NULL ? ref_dup_f64 (tensor, error) : NULL;
  return tensor == NULL || *out != NULL;
}

static gboolean
network_init (Network *n, const GonioKernel *k, CellKind kind, GError **error)
{
  const char *direction = ref_attr_string (k, "direction", "forward");
  gboolean both = g_str_equal (direction, "bidirectional");
  gboolean lstm = kind == CELL_LSTM;

  n->kind = kind;
  n->gates = kind == CELL_RNN ? 1 : kind == CELL_GRU ? 3 : 4;
  n->functions = kind == CELL_RNN ? 1 : kind == CELL_GRU ? 2 : 3;
  n->directions = both ? 2 : 1;
  n->reverse_only = g_str_equal (direction, "reverse");
  n->batch_first = ref_attr_int (k, "layout", 0) != 0;
  n->linear_before_reset = ref_attr_int (k, "linear_before_reset", 0) != 0;
  n->input_forget = ref_attr_int (k, "input_forget", 0) != 0;
  n->clip = ref_attr_float (k, "clip", 0);
  if (!both && !n->reverse_only && !g_str_equal (direction, "forward"))
    return ref_bad_value (error, "direction is \"%s\"", direction);
  if (!read_shapes (n, k, error) || !read_activations (n, k, error))
    return FALSE;
  if (!widen (k->inputs[0], &n->x, error) || !widen (k->inputs[1], &n->w, error) ||
      !widen (k->inputs[2], &n->r, error) || !widen (ref_in (k, 3), &n->b, error) ||
      !widen (ref_in (k, 5), &n->h0, error) ||
      !widen (lstm ? ref_in (k, 6) : NULL, &n->c0, error) ||
      !widen (lstm ? ref_in (k, 7) : NULL, &n->p, error))
    return FALSE;
  if (ref_in (k, 4) == NULL)
    return TRUE;
  n->lengths = ref_dup_i64 (k->inputs[4], error);
  for (int64_t i = 0; n->lengths != NULL && i < n->batch; i++)
    if (n->lengths[i] < 0 || n->lengths[i] > n->steps)
      return ref_bad_value (error,
                            "sequence length %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " steps",
                            n->lengths[i], n->steps);
  return n->lengths != NULL;
}

/* ---- one step ---- */

/* One sequence in one direction. */
typedef struct {
  const Network *n;
  const Activation *act;
  const double *w, *r, *wb, *rb, *p; /* of the direction; the last three nullable */
  double *h, *c;                     /* state, hidden each */
  double *from_x, *from_h;           /* gates x hidden: products with W and R */
  double *reset;                     /* hidden */
} Step;

static double
activate (const Step *s, int function, double x)
{
  const Activation *a = &s->act[function];

  if (s->n->clip > 0)
    x = x > s->n->clip ? s->n->clip : x < -s->n->clip ? -s->n->clip : x;
  return a->run (x, a->alpha, a->beta);
}

/* out[row] = bias[row] + weights[row] . v for rows from first to last - 1. */
static void
multiply (const double *weights, const double *bias, const double *v, int64_t size, int64_t first,
          int64_t last, double *out)
{
  for (int64_t row = first; row < last; row++) {
    double sum = bias != NULL ? bias[row] : 0;

    for (int64_t i = 0; i < size; i++)
      sum += weights[row * size + i] * v[i];
    out[row] = sum;
  }
}

static void
step_rnn (Step *s)
{
  for (int64_t i = 0; i < s->n->hidden; i++)
    s->h[i] = activate (s, 0, s->from_x[i] + s->from_h[i]);
}

/* Gates z, r, h. */
static void
step_gru (Step *s)
{
  int64_t n = s->n->hidden;

  for (int64_t i = 0; i < n; i++)
    s->reset[i] = activate (s, 0, s->from_x[n + i] + s->from_h[n + i]);
  if (s->n->linear_before_reset) {
    for (int64_t i = 0; i < n; i++)
      s->from_h[2 * n + i] *= s->reset[i];
  } else {
    for (int64_t i = 0; i < n; i++)
      s->reset[i] *= s->h[i];
    multiply (s->r, s->rb, s->reset, n, 2 * n, 3 * n, s->from_h);
  }
  for (int64_t i = 0; i < n; i++) {
    double update = activate (s, 0, s->from_x[i] + s->from_h[i]);
    double candidate = activate (s, 1, s->from_x[2 * n + i] + s->from_h[2 * n + i]);

    s->h[i] = (1 - update) * candidate + update * s->h[i];
  }
}

/* Gates i, o, f, c; peepholes i, o, f. */
static void
step_lstm (Step *s)
{
  int64_t n = s->n->hidden;
  const double *p = s->p;

  for (int64_t i = 0; i < n; i++) {
    double gate[4], old = s->c[i], in, forget;

    for (int g = 0; g < 4; g++)
      gate[g] = s->from_x[g * n + i] + s->from_h[g * n + i];
    in = activate (s, 0, gate[0] + (p != NULL ? p[i] * old : 0));
    forget = s->n->input_forget ? 1 - in
                                : activate (s, 0, gate[2] + (p != NULL ? p[2 * n + i] * old : 0));
    s->c[i] = forget * old + in * activate (s, 1, gate[3]);
    s->h[i] =
        activate (s, 0, gate[1] + (p != NULL ? p[n + i] * s->c[i] : 0)) * activate (s, 2, s->c[i]);
  }
}

/* ---- the run ---- */

/* Y holds every hidden state, Y_h and Y_c the last; each nullable. */
typedef struct {
  GonioTensor *y, *y_h, *y_c;
} Outputs;

static void
run_sequence (Step *s, const Outputs *out, int64_t direction, int64_t batch)
{
  const Network *n = s->n;
  int64_t length = n->lengths != NULL ? n->lengths[batch] : n->steps;
  int64_t state = n->batch_first ? batch * n->directions + direction : direction * n->batch + batch;
  gboolean reverse = n->reverse_only || direction == 1;

  for (int64_t i = 0; i < n->hidden; i++) {
    s->h[i] = n->h0 != NULL ? n->h0[state * n->hidden + i] : 0;
    s->c[i] = n->c0 != NULL ? n->c0[state * n->hidden + i] : 0;
  }
  for (int64_t t = 0; t < length; t++) {
    int64_t step = reverse ? length - 1 - t : t;
    int64_t row = n->batch_first ? batch * n->steps + step : step * n->batch + batch;
    int64_t to = n->batch_first ? row * n->directions + direction
                                : (step * n->directions + direction) * n->batch + batch;

    multiply (s->w, s->wb, n->x + row * n->inputs, n->inputs, 0, n->gates * n->hidden, s->from_x);
    multiply (s->r, s->rb, s->h, n->hidden, 0, n->gates * n->hidden, s->from_h);
    if (n->kind == CELL_RNN)
      step_rnn (s);
    else if (n->kind == CELL_GRU)
      step_gru (s);
    else
      step_lstm (s);
    if (out->y != NULL)
      ref_store_f64 (out->y, to * n->hidden, n->hidden, s->h);
  }
  if (out->y_h != NULL)
    ref_store_f64 (out->y_h, state * n->hidden, n->hidden, s->h);
  if (out->y_c != NULL)
    ref_store_f64 (out->y_c, state * n->hidden, n->hidden, s->c);
}

static gboolean
make_outputs (GonioKernel *k, const Network *n, Outputs *out, GError **error)
{
  GonioDType dtype = gonio_tensor_dtype (k->inputs[0]);
  GonioShape all = n->batch_first ? GONIO_SHAPE (n->batch, n->steps, n->directions, n->hidden)
                                  : GONIO_SHAPE (n->steps, n->directions, n->batch, n->hidden);
  GonioShape last = n->batch_first ? GONIO_SHAPE (n->batch, n->directions, n->hidden)
                                   : GONIO_SHAPE (n->directions, n->batch, n->hidden);
  GonioTensor **slots[] = {&out->y, &out->y_h, &out->y_c};

  for (guint i = 0; i < (n->kind == CELL_LSTM ? 3 : 2); i++)
    if (ref_wants (k, i) &&
        (*slots[i] = ref_output (k, i, dtype, i == 0 ? &all : &last, error)) == NULL)
      return FALSE;
  if (out->y != NULL) /* steps past a sequence's end */
    ref_clear (out->y, 0, gonio_tensor_count (out->y));
  return TRUE;
}

static gboolean
run_network (GonioKernel *k, GError **error)
{
  g_auto (Network) n = {0};
  g_autofree double *scratch = NULL;
  Outputs out = {0};
  int64_t rows;

  if (!network_init (&n, k, *(const CellKind *)k->row->data, error) ||
      !make_outputs (k, &n, &out, error))
    return FALSE;
  if (n.steps == 0 && out.y_h == NULL && out.y_c == NULL)
    return TRUE;
  rows = n.gates * n.hidden;
  scratch = ref_alloc0 (2 * rows + 3 * n.hidden, sizeof *scratch, error);
  if (scratch == NULL)
    return FALSE;
  for (int64_t d = 0; n.hidden > 0 && d < n.directions; d++) {
    Step s = {.n = &n,
              .act = n.act[d],
              .w = n.w + d * rows * n.inputs,
              .r = n.r + d * rows * n.hidden,
              .wb = n.b != NULL ? n.b + d * 2 * rows : NULL,
              .rb = n.b != NULL ? n.b + d * 2 * rows + rows : NULL,
              .p = n.p != NULL ? n.p + d * 3 * n.hidden : NULL};

    s.from_x = scratch;
    s.from_h = s.from_x + rows;
    s.h = s.from_h + rows;
    s.c = s.h + n.hidden;
    s.reset = s.c + n.hidden;
    for (int64_t b = 0; b < n.batch; b++) {
      if (g_cancellable_set_error_if_cancelled (k->cancellable, error))
        return FALSE;
      run_sequence (&s, &out, d, b);
    }
  }
  return TRUE;
}

static const CellKind rnn = CELL_RNN, gru = CELL_GRU, lstm = CELL_LSTM;

#define TYPES                                                                                      \
  {                                                                                                \
    REF_FLOATS, REF_FLOATS, REF_FLOATS, REF_FLOATS, REF_T (INT32), REF_FLOATS                      \
  }
#define SAME (0xefu) /* all but sequence_lens */

const RefRow ref_rows_recurrent[] = {
    {GONIO_OP_GRU, run_network, &gru, TYPES, SAME, 0},
    {GONIO_OP_LSTM, run_network, &lstm, TYPES, SAME, 0},
    {GONIO_OP_RNN, run_network, &rnn, TYPES, SAME, 0},
    {0},
};
