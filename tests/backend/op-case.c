/* Cases from text to graph, to two sessions, to a comparison. */
#include "tests/backend/op-case.h"

#include "core/graph/edit.h"
#include "core/ops/op.h"

#include <math.h>
#include <string.h>

#define MAX_INPUTS 8

typedef struct {
  GonioGraph *graph;
  GPtrArray *names;   /* of graph inputs, char* */
  GPtrArray *tensors; /* GonioTensor* */
  GonioNodeId node;
  GonioTolerance tolerance;
} Case;

static void
case_clear (Case *c)
{
  g_clear_pointer (&c->graph, gonio_graph_unref);
  g_clear_pointer (&c->names, g_ptr_array_unref);
  g_clear_pointer (&c->tensors, g_ptr_array_unref);
}

/* ---- inputs ---- */

static GArray *
read_numbers (const char *text)
{
  GArray *numbers = g_array_new (FALSE, FALSE, sizeof (double));
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  for (guint i = 0; parts[i]; i++) {
    double number = g_ascii_strtod (parts[i], NULL);
    if (*parts[i])
      g_array_append_val (numbers, number);
  }
  return numbers;
}

static GonioShape
read_shape (const char *text)
{
  g_autoptr (GArray) numbers = read_numbers (text);
  GonioShape shape = {.rank = (int)MIN (numbers->len, GONIO_MAX_RANK)};
  for (int i = 0; i < shape.rank; i++)
    shape.dims[i] = (int64_t)g_array_index (numbers, double, i);
  return shape;
}

static GonioTensor *
new_tensor (GonioDType dtype, const GonioShape *shape)
{
  g_autoptr (GError) error = NULL;
  GonioTensor *tensor = gonio_tensor_new_zeroed (dtype, shape, &error);
  g_assert_no_error (error);
  return tensor;
}

static GonioTensor *
random_tensor (GonioDType dtype, const GonioShape *shape, GRand *rand, int limit)
{
  GonioTensor *tensor = new_tensor (dtype, shape);
  void *data = gonio_tensor_writable_data (tensor);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++)
    if (dtype == GONIO_DTYPE_FLOAT)
      ((float *)data)[i] = (float)g_rand_double_range (rand, -2, 2);
    else if (dtype == GONIO_DTYPE_BOOL)
      ((uint8_t *)data)[i] = (uint8_t)g_rand_boolean (rand);
    else
      ((int64_t *)data)[i] = g_rand_int_range (rand, -limit, limit);
  return tensor;
}

static GonioTensor *
listed_tensor (GonioDType dtype, const char *text, gboolean scalar)
{
  g_autoptr (GArray) numbers = read_numbers (text);
  GonioShape shape = GONIO_SHAPE ((int64_t)numbers->len);
  if (scalar)
    shape = GONIO_SHAPE_SCALAR;
  GonioTensor *tensor = new_tensor (dtype, &shape);
  for (guint i = 0; i < numbers->len; i++)
    if (dtype == GONIO_DTYPE_FLOAT)
      ((float *)gonio_tensor_writable_data (tensor))[i] = (float)g_array_index (numbers, double, i);
    else
      ((int64_t *)gonio_tensor_writable_data (tensor))[i] =
          (int64_t)g_array_index (numbers, double, i);
  return tensor;
}

/* "2,3=0,1,2,3,4,5" */
static GonioTensor *
shaped_tensor (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, "=", 2);
  g_autoptr (GArray) numbers = read_numbers (parts[1]);
  GonioShape shape = read_shape (parts[0]);
  GonioTensor *tensor = new_tensor (GONIO_DTYPE_INT64, &shape);
  g_assert_cmpint (gonio_tensor_count (tensor), ==, numbers->len);
  for (guint i = 0; i < numbers->len; i++)
    ((int64_t *)gonio_tensor_writable_data (tensor))[i] =
        (int64_t)g_array_index (numbers, double, i);
  return tensor;
}

static GonioValueId
add_computed (Case *c, GonioTensor *tensor)
{
  char *name = g_strdup_printf ("in%u", c->names->len);
  GonioSymShape shape = gonio_sym_shape_from_shape (gonio_tensor_shape (tensor));
  g_ptr_array_add (c->names, name);
  g_ptr_array_add (c->tensors, tensor);
  return gonio_graph_add_input (c->graph, name, gonio_tensor_dtype (tensor), &shape);
}

static GonioValueId
add_constant (Case *c, GonioTensor *tensor)
{
  GonioValueId id = gonio_graph_add_constant (c->graph, NULL, tensor);
  gonio_tensor_unref (tensor);
  return id;
}

static gboolean
pools (const GonioGraph *graph, GonioValueId id)
{
  const GonioValue *value = gonio_graph_value (graph, id);
  for (int i = 0; i < value->shape.rank; i++)
    if (value->shape.dims[i].value == 0)
      return FALSE;
  return value->dtype == GONIO_DTYPE_FLOAT && (value->shape.rank == 3 || value->shape.rank == 4);
}

static GonioValueId
add_pool (Case *c, GonioValueId from)
{
  static const int64_t ones[2] = {1, 1};
  guint axes = (guint)gonio_graph_value (c->graph, from)->shape.rank - 2;
  GonioValueId to = gonio_graph_add_value (c->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  GonioNodeId node = gonio_graph_add_node (c->graph, GONIO_OP_MAX_POOL, NULL, &from, 1, &to, 1);
  gonio_graph_set_attr_ints (c->graph, node, "kernel_shape", ones, axes);
  return to;
}

static GonioValueId
add_input (Case *c, const char *text, GRand *rand, gboolean sandwich)
{
  const char *colon = strchr (text, ':');
  if (*text == '-')
    return GONIO_VALUE_NONE;
  g_assert_nonnull (colon);
  GonioShape shape = read_shape (colon + 1);
  switch (*text) {
  case 'f': {
    GonioValueId id = add_computed (c, random_tensor (GONIO_DTYPE_FLOAT, &shape, rand, 0));
    return sandwich && pools (c->graph, id) ? add_pool (c, id) : id;
  }
  case 'b':
    return add_computed (c, random_tensor (GONIO_DTYPE_BOOL, &shape, rand, 0));
  case 'i':
    return add_computed (c, random_tensor (GONIO_DTYPE_INT64, &shape, rand,
                                           (int)g_ascii_strtoll (text + 1, NULL, 10)));
  case 'c':
    return add_constant (c, random_tensor (GONIO_DTYPE_FLOAT, &shape, rand, 0));
  case 'z':
    return add_constant (c, random_tensor (GONIO_DTYPE_BOOL, &shape, rand, 0));
  case 'j':
    return add_constant (c, random_tensor (GONIO_DTYPE_INT64, &shape, rand,
                                           (int)g_ascii_strtoll (text + 1, NULL, 10)));
  case 't':
    return add_constant (c, shaped_tensor (colon + 1));
  case 'k':
    return add_constant (c, listed_tensor (GONIO_DTYPE_INT64, colon + 1, FALSE));
  case 'v':
    return add_constant (c, listed_tensor (GONIO_DTYPE_FLOAT, colon + 1, FALSE));
  case 's':
    return add_constant (c, listed_tensor (GONIO_DTYPE_FLOAT, colon + 1, TRUE));
  default:
    g_error ("unknown input '%s'", text);
  }
}

/* ---- attributes ---- */

static void
set_numbers (Case *c, const GonioAttrSchema *schema, const char *text)
{
  g_autoptr (GArray) numbers = read_numbers (text);
  g_autofree int64_t *ints = g_new (int64_t, numbers->len + 1);
  g_autofree float *floats = g_new (float, numbers->len + 1);
  for (guint i = 0; i < numbers->len; i++) {
    floats[i] = (float)g_array_index (numbers, double, i);
    ints[i] = (int64_t)g_array_index (numbers, double, i);
  }
  if (schema->type == GONIO_ATTR_INTS)
    gonio_graph_set_attr_ints (c->graph, c->node, schema->name, ints, numbers->len);
  else if (schema->type == GONIO_ATTR_FLOATS)
    gonio_graph_set_attr_floats (c->graph, c->node, schema->name, floats, numbers->len);
  else if (schema->type == GONIO_ATTR_INT)
    gonio_graph_set_attr_int (c->graph, c->node, schema->name, ints[0]);
  else
    gonio_graph_set_attr_float (c->graph, c->node, schema->name, floats[0]);
}

static void
set_attribute (Case *c, const GonioOpDef *def, const char *text)
{
  g_auto (GStrv) pair = g_strsplit (text, "=", 2);
  for (const GonioAttrSchema *schema = def->attrs; schema && schema->name; schema++)
    if (g_str_equal (schema->name, pair[0])) {
      if (schema->type == GONIO_ATTR_STRING)
        gonio_graph_set_attr_string (c->graph, c->node, schema->name, pair[1]);
      else
        set_numbers (c, schema, pair[1]);
      return;
    }
  g_error ("no attribute '%s'", pair[0]);
}

/* ---- the graph ---- */

static void
add_outputs (Case *c, gboolean sandwich)
{
  g_autoptr (GError) error = NULL;
  gonio_infer_node (c->graph, c->node, &error);
  g_assert_no_error (error);
  const GonioNode *node = gonio_graph_node (c->graph, c->node);
  guint n = node->n_outputs;
  g_autofree GonioValueId *outputs = g_memdup2 (node->outputs, n * sizeof *node->outputs);
  for (guint i = 0; i < n; i++)
    gonio_graph_add_output (
        c->graph, sandwich && pools (c->graph, outputs[i]) ? add_pool (c, outputs[i]) : outputs[i]);
}

static void
case_init (Case *c, const char *text, gboolean sandwich)
{
  const char *open = strchr (text, '('), *close = strchr (text, ')');
  g_assert_true (open && close);
  g_autofree char *name = g_strndup (text, (gsize)(open - text));
  g_autofree char *inside = g_strndup (open + 1, (gsize)(close - open - 1));
  g_auto (GStrv) inputs = g_strsplit (inside, ";", -1),
                 attributes = g_strsplit (close + 1, " ", -1);
  GonioOpId op = gonio_op_find ("", name);
  g_assert_cmpuint (op, !=, GONIO_OP_INVALID);

  *c = (Case){.graph = gonio_graph_new (text), .tolerance = gonio_op_def (op)->tolerance};
  c->names = g_ptr_array_new_with_free_func (g_free);
  c->tensors = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_str_hash (text));
  guint n_outputs = 1;
  for (guint i = 0; attributes[i]; i++)
    if (g_str_has_prefix (attributes[i], "out="))
      n_outputs = (guint)g_ascii_strtoull (attributes[i] + 4, NULL, 10);

  g_autoptr (GArray) ins = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  g_autoptr (GArray) outs = g_array_new (FALSE, FALSE, sizeof (GonioValueId));
  for (guint i = 0; inputs[i]; i++) {
    GonioValueId id = add_input (c, g_strstrip (inputs[i]), rand, sandwich);
    g_array_append_val (ins, id);
  }
  for (guint i = 0; i < n_outputs; i++) {
    GonioValueId id = gonio_graph_add_value (c->graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
    g_array_append_val (outs, id);
  }
  g_autoptr (GError) error = NULL;
  gonio_infer_graph (c->graph, &error); /* the pools, so that the operator's inputs are known */
  g_assert_no_error (error);
  c->node = gonio_graph_add_node (c->graph, op, "tested", (GonioValueId *)ins->data, ins->len,
                                  (GonioValueId *)outs->data, outs->len);
  for (guint i = 0; attributes[i]; i++)
    if (strchr (attributes[i], '=') && !g_str_has_prefix (attributes[i], "out="))
      set_attribute (c, gonio_op_def (op), attributes[i]);
  add_outputs (c, sandwich);
  gonio_infer_graph (c->graph, &error);
  g_assert_no_error (error);
}

/* ---- running and comparing ---- */

static GonioTensor **
run_case (const Case *c, const GonioBackendDef *const *backends, guint threads, gboolean strict,
          guint *out_n, GError **error)
{
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.optimization = GONIO_OPT_DISABLED;
  options.threads = threads;
  options.strict = strict;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (gonio_graph_clone (c->graph), &options, NULL, error);
  GonioTensor **outputs = NULL;
  if (!session)
    return NULL;
  gonio_session_outputs (session, out_n);
  for (int run = 0; run < 2; run++) { /* a second run must not see what the first left behind */
    if (outputs)
      gonio_session_free_outputs (outputs, *out_n);
    outputs = NULL;
    if (!gonio_session_run (session, (const char *const *)c->names->pdata,
                            (GonioTensor *const *)c->tensors->pdata, c->names->len, &outputs, NULL,
                            error))
      return NULL;
  }
  return outputs;
}

/* NULL when they agree. */
static char *
difference (GonioTolerance tolerance, const GonioTensor *got, const GonioTensor *want)
{
  if (!gonio_shape_equal (gonio_tensor_shape (got), gonio_tensor_shape (want)) ||
      gonio_tensor_dtype (got) != gonio_tensor_dtype (want))
    return g_strdup ("types or shapes differ");
  int64_t count = gonio_tensor_count (want);
  double square = 0, power = 0;
  for (int64_t i = 0; i < count; i++) {
    double w = gonio_tensor_get_double (want, i);
    power += isfinite (w) ? w * w : 0;
  }
  double rms = count ? sqrt (power / (double)count) : 0;
  double limit = tolerance == GONIO_TOLERANCE_EXACT ? 0 : 2e-5;
  for (int64_t i = 0; i < count; i++) {
    double g = gonio_tensor_get_double (got, i), w = gonio_tensor_get_double (want, i);
    if ((isnan (g) && isnan (w)) || g == w)
      continue;
    if (!(fabs (g - w) <= limit * (fabs (w) + rms)))
      return g_strdup_printf ("element %" G_GINT64_FORMAT " is %.9g, not %.9g (rms %.3g)", i, g, w,
                              rms);
    square += (g - w) * (g - w);
  }
  if (power > 0 && square / power > 1e-11)
    return g_strdup_printf ("normalised mean square error is %.3g", square / power);
  return NULL;
}

/* Every failure is reported, not only the last one of a test. */
static void G_GNUC_PRINTF (1, 2) fail (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  g_test_message ("%s", text);
  g_test_fail ();
}

void
op_case_run (const OpCaseSetup *setup, const char *text, gboolean sandwich)
{
  Case c;
  guint n_got = 0, n_want = 0;
  g_autoptr (GError) error = NULL;
  case_init (&c, text, sandwich);
  GonioTensor **want = run_case (&c, setup->reference, 1, FALSE, &n_want, &error);
  if (!want)
    g_error ("reference, %s: %s", text, error->message);
  GonioTensor **got = run_case (&c, setup->tested, setup->threads, TRUE, &n_got, &error);
  const char *form = sandwich ? " (sandwiched)" : "";
  if (!got)
    fail ("%s%s: %s", text, form, error->message);
  for (guint i = 0; got && i < n_want; i++) {
    g_autofree char *problem = difference (c.tolerance, got[i], want[i]);
    if (problem)
      fail ("%s%s: output %u: %s", text, form, i, problem);
  }
  gonio_session_free_outputs (want, n_want);
  if (got)
    gonio_session_free_outputs (got, n_got);
  case_clear (&c);
}

void
op_case_refused (const OpCaseSetup *setup, const char *text)
{
  Case c;
  guint n = 0;
  g_autoptr (GError) error = NULL;
  case_init (&c, text, FALSE);
  GonioTensor **got = run_case (&c, setup->tested, setup->threads, TRUE, &n, &error);
  if (got || !error || !*error->message)
    fail ("%s: is not refused", text);
  if (got)
    gonio_session_free_outputs (got, n);
  case_clear (&c);
}
