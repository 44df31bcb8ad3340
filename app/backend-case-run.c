/* A case from its row to a graph, to two sessions, to a comparison. */
#include "app/backend-cases.h"

#include "core/base/error.h"
#include "core/graph/edit.h"

#include <math.h>
#include <string.h>

#define MAX_NUMBERS 64

typedef struct {
  GonioGraph *graph;
  GPtrArray *names;   /* char*, of the graph's inputs */
  GPtrArray *tensors; /* GonioTensor*, likewise */
  GRand *rand;
} Case;

static void
case_clear (Case *c)
{
  g_clear_pointer (&c->graph, gonio_graph_unref);
  g_clear_pointer (&c->names, g_ptr_array_unref);
  g_clear_pointer (&c->tensors, g_ptr_array_unref);
  g_clear_pointer (&c->rand, g_rand_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Case, case_clear)

/* ---- from a row to a graph ---- */

typedef struct {
  double at[MAX_NUMBERS];
  guint n;
} Numbers;

static gboolean
read_numbers (const char *text, Numbers *out, GError **error)
{
  Numbers numbers = {.n = 0};
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  for (guint i = 0; parts[i]; i++) {
    char *end = NULL;
    double number = g_ascii_strtod (parts[i], &end);
    if (numbers.n == MAX_NUMBERS || end == parts[i] || *end != '\0') {
      g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT,
                   "'%s' is no list of at most %d numbers", text, MAX_NUMBERS);
      return FALSE;
    }
    numbers.at[numbers.n++] = number;
  }
  *out = numbers;
  return TRUE;
}

static GonioTensor *
random_tensor (const Numbers *dims, double low, GRand *rand, GError **error)
{
  GonioShape shape = {.rank = (int)MIN (dims->n, GONIO_MAX_RANK)};
  for (int i = 0; i < shape.rank; i++)
    shape.dims[i] = (int64_t)dims->at[i];
  GonioTensor *tensor = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &shape, error);
  float *data = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int64_t i = 0; tensor && i < gonio_tensor_count (tensor); i++)
    data[i] = (float)g_rand_int_range (rand, (gint32)(low * 256), 512) / 256; /* exact in 16 bits */
  return tensor;
}

static GonioTensor *
listed_tensor (const Numbers *numbers, char kind, GError **error)
{
  GonioShape shape = GONIO_SHAPE ((int64_t)numbers->n);
  if (kind == 's')
    shape = GONIO_SHAPE_SCALAR;
  GonioTensor *tensor =
      gonio_tensor_new_zeroed (kind == 'k' ? GONIO_DTYPE_INT64 : GONIO_DTYPE_FLOAT, &shape, error);
  void *data = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (guint i = 0; tensor && i < numbers->n; i++)
    if (kind == 'k')
      ((int64_t *)data)[i] = (int64_t)numbers->at[i];
    else
      ((float *)data)[i] = (float)numbers->at[i];
  return tensor;
}

static gboolean
add_input (Case *c, const char *text, GonioValueId *out_id, GError **error)
{
  Numbers numbers;
  if (*text == '-') {
    *out_id = GONIO_VALUE_NONE;
    return TRUE;
  }
  if (!strchr ("fpckvs", *text) || text[0] == '\0' || text[1] != ':') {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT, "unknown input '%s'", text);
    return FALSE;
  }
  if (!read_numbers (text + 2, &numbers, error))
    return FALSE;
  gboolean listed = strchr ("kvs", *text) != NULL;
  g_autoptr (GonioTensor) tensor =
      listed ? listed_tensor (&numbers, *text, error)
             : random_tensor (&numbers, *text == 'p' ? 0.1 : -2, c->rand, error);
  if (!tensor)
    return FALSE;
  if (listed || *text == 'c') {
    *out_id = gonio_graph_add_constant (c->graph, NULL, tensor);
    return TRUE;
  }
  char *name = g_strdup_printf ("in%u", c->names->len);
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));
  g_ptr_array_add (c->names, name);
  *out_id = gonio_graph_add_input (c->graph, name, GONIO_DTYPE_FLOAT, &shape);
  g_ptr_array_add (c->tensors, g_steal_pointer (&tensor));
  return TRUE;
}

static gboolean
set_numbers (GonioGraph *graph, GonioNodeId node, const GonioAttrSchema *schema, const char *text,
             GError **error)
{
  Numbers numbers;
  int64_t ints[MAX_NUMBERS];
  float floats[MAX_NUMBERS];
  if (!read_numbers (text, &numbers, error))
    return FALSE;
  for (guint i = 0; i < numbers.n; i++) {
    ints[i] = (int64_t)numbers.at[i];
    floats[i] = (float)numbers.at[i];
  }
  if (schema->type == GONIO_ATTR_INTS)
    gonio_graph_set_attr_ints (graph, node, schema->name, ints, numbers.n);
  else if (schema->type == GONIO_ATTR_FLOATS)
    gonio_graph_set_attr_floats (graph, node, schema->name, floats, numbers.n);
  else if (schema->type == GONIO_ATTR_INT)
    gonio_graph_set_attr_int (graph, node, schema->name, ints[0]);
  else
    gonio_graph_set_attr_float (graph, node, schema->name, floats[0]);
  return TRUE;
}

static gboolean
set_attribute (GonioGraph *graph, GonioNodeId node, GonioOpId op, const char *text, GError **error)
{
  g_auto (GStrv) pair = g_strsplit (text, "=", 2);
  const GonioAttrSchema *schema = gonio_op_def (op)->attrs;
  while (schema && schema->name && !g_str_equal (schema->name, pair[0]))
    schema++;
  if (!schema || !schema->name || !pair[1]) {
    g_set_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_INPUT, "no attribute '%s'", text);
    return FALSE;
  }
  if (schema->type != GONIO_ATTR_STRING)
    return set_numbers (graph, node, schema, pair[1], error);
  gonio_graph_set_attr_string (graph, node, schema->name, pair[1]);
  return TRUE;
}

static gboolean
case_init (Case *c, const GonioBackendCase *row, GError **error)
{
  g_auto (GStrv) inputs = g_strsplit (row->inputs, ";", -1);
  g_auto (GStrv) attributes = g_strsplit (row->attributes ? row->attributes : "", " ", -1);
  g_autoptr (GArray) ins = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  g_autoptr (GArray) outs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));

  *c = (Case){.graph = gonio_graph_new (row->name)};
  c->names = g_ptr_array_new_with_free_func (g_free);
  c->tensors = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  c->rand = g_rand_new_with_seed (g_str_hash (row->inputs));
  for (guint i = 0; inputs[i]; i++) {
    GonioValueId id = GONIO_VALUE_NONE;
    if (!add_input (c, g_strstrip (inputs[i]), &id, error))
      return FALSE;
    g_array_append_val (ins, id);
  }
  for (guint i = 0; i < MAX (row->n_outputs, 1); i++) {
    GonioValueId id = gonio_graph_add_value (c->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
    g_array_append_val (outs, id);
  }
  GonioNodeId node = gonio_graph_add_node (c->graph, row->op, row->name, (GonioValueId *)ins->data,
                                           ins->len, (GonioValueId *)outs->data, outs->len);
  for (guint i = 0; attributes[i]; i++)
    if (*attributes[i] && !set_attribute (c->graph, node, row->op, attributes[i], error))
      return FALSE;
  for (guint i = 0; i < outs->len; i++)
    gonio_graph_add_output (c->graph, g_array_index (outs, GonioValueId, i));
  return gonio_infer_graph (c->graph, error);
}

/* ---- running and comparing ---- */

static GonioTensor **
run_on (const Case *c, const GonioBackendDef *def, GonioPrecision precision, guint *out_n,
        GError **error)
{
  const GonioBackendDef *const only[] = {def, NULL};
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = only;
  options.optimization = GONIO_OPT_DISABLED;
  options.precision = precision;
  options.strict = TRUE;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (gonio_graph_clone (c->graph), &options, NULL, error);
  GonioTensor **outputs = NULL;
  if (!session)
    return NULL;
  gonio_session_outputs (session, out_n);
  gonio_session_run (session, (const char *const *)c->names->pdata,
                     (GonioTensor *const *)c->tensors->pdata, c->names->len, &outputs, NULL, error);
  return outputs;
}

char *
gonio_backend_difference (GonioTolerance tolerance, gboolean half, const GonioTensor *got,
                          const GonioTensor *want)
{
  /* Of a number and the root mean square of all: GLSL's own functions are coarser than C's. */
  static const double limits[2][3] = {{[GONIO_TOLERANCE_EXACT] = 0,
                                       [GONIO_TOLERANCE_ROUNDING] = 1e-4,
                                       [GONIO_TOLERANCE_TRANSCENDENTAL] = 1e-3},
                                      {[GONIO_TOLERANCE_EXACT] = 0,
                                       [GONIO_TOLERANCE_ROUNDING] = 2e-3,
                                       [GONIO_TOLERANCE_TRANSCENDENTAL] = 1e-2}};
  double limit = limits[half != FALSE][tolerance];
  if (!gonio_shape_equal (gonio_tensor_shape (got), gonio_tensor_shape (want)) ||
      gonio_tensor_dtype (got) != gonio_tensor_dtype (want))
    return g_strdup ("the result has another type or shape");
  int64_t count = gonio_tensor_count (want);
  double power = 0;
  for (int64_t i = 0; i < count; i++)
    power += gonio_tensor_get_double (want, i) * gonio_tensor_get_double (want, i);
  double rms = count > 0 ? sqrt (power / (double)count) : 0;
  for (int64_t i = 0; i < count; i++) {
    double g = gonio_tensor_get_double (got, i), w = gonio_tensor_get_double (want, i);
    if (!(fabs (g - w) <= limit * (fabs (w) + rms)))
      return g_strdup_printf ("number %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                              " is %.9g where %.9g is right",
                              i, count, g, w);
  }
  return NULL;
}

static GonioCaseState
judge (const Case *c, const GonioBackendTrial *trial, GonioTolerance tolerance, char **out_text,
       GError **error)
{
  guint n_got = 0, n_want = 0;
  GonioTensor **got = run_on (c, trial->def, trial->precision, &n_got, error);
  if (!got)
    return g_error_matches (*error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_PLACEMENT)
               ? GONIO_CASE_NOT_CLAIMED
               : GONIO_CASE_FAILED;
  GonioTensor **want = run_on (c, trial->oracle, GONIO_PRECISION_FP32, &n_want, error);
  char *text = NULL;
  for (guint i = 0; want && !text && i < n_want; i++)
    text = gonio_backend_difference (tolerance, trial->half, got[i], want[i]);
  gonio_session_free_outputs (got, n_got);
  if (want)
    gonio_session_free_outputs (want, n_want);
  *out_text = text;
  return want && !text ? GONIO_CASE_PASSED : GONIO_CASE_FAILED;
}

GonioCaseState
gonio_backend_case_run (const GonioBackendTrial *trial, const GonioBackendCase *row,
                        char **out_text)
{
  g_auto (Case) c = {0};
  g_autoptr (GError) error = NULL;
  GonioCaseState state = GONIO_CASE_FAILED;
  *out_text = NULL;
  if (case_init (&c, row, &error))
    state = judge (&c, trial, gonio_op_def (row->op)->tolerance, out_text, &error);
  if (error)
    *out_text = g_strdup (error->message);
  return state;
}
