/* Running single passes and the graphs they change; see pass-runner.h. */
#include "tests/support/pass-runner.h"

#include "backends/reference/reference.h"
#include "tests/support/graph-maker.h"

#include <math.h>
#include <string.h>

/* ---- running graphs ---- */

static GonioTensor *
random_input (const GonioValue *value, GRand *random)
{
  GonioShape shape = {0};
  g_autoptr (GError) error = NULL;

  g_assert_true (gonio_sym_shape_known (&value->shape, &shape));
  GonioTensor *tensor = gonio_tensor_new (value->dtype, &shape, &error);
  g_assert_no_error (error);
  for (int64_t i = 0; i < gonio_tensor_count (tensor); i++) {
    if (value->dtype == GONIO_DTYPE_FLOAT)
      ((float *)gonio_tensor_writable_data (tensor))[i] =
          (float)g_rand_double_range (random, -4, 4);
    else
      ((guint8 *)gonio_tensor_writable_data (tensor))[i] = (guint8)g_rand_boolean (random);
  }
  return tensor;
}

static void
run_node (const GonioGraph *graph, GonioNodeId id, GonioTensor **values)
{
  const GonioNode *each = gonio_graph_node (graph, id);
  g_autofree GonioTensor **inputs = g_new0 (GonioTensor *, each->n_inputs + 1);
  g_autofree GonioTensor **outputs = g_new0 (GonioTensor *, each->n_outputs + 1);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < each->n_inputs; i++)
    inputs[i] = each->inputs[i] == GONIO_VALUE_NONE ? NULL : values[each->inputs[i]];
  gonio_backend_reference.evaluate (graph, id, inputs, outputs, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < each->n_outputs; i++) {
    if (each->outputs[i] != GONIO_VALUE_NONE)
      values[each->outputs[i]] = outputs[i];
    else
      g_clear_pointer (&outputs[i], gonio_tensor_unref);
  }
}

static void
unref_any (gpointer tensor)
{
  if (tensor)
    gonio_tensor_unref (tensor);
}

/* The first output for inputs that depend on their place only. (transfer full) */
static GonioTensor *
run (const GonioGraph *graph)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func (unref_any);
  g_autoptr (GRand) random = g_rand_new_with_seed (9);
  guint n = 0;

  g_ptr_array_set_size (values, (gint)gonio_graph_n_values (graph));
  GonioTensor **at = (GonioTensor **)values->pdata;
  for (guint i = 0; i < values->len; i++) {
    const GonioValue *value = gonio_graph_value (graph, i);
    at[i] = value->constant ? gonio_tensor_ref (value->constant) : NULL;
  }
  const GonioValueId *inputs = gonio_graph_inputs (graph, &n);
  for (guint i = 0; i < n; i++)
    at[inputs[i]] = random_input (gonio_graph_value (graph, inputs[i]), random);
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++)
    run_node (graph, order[i], at);
  return gonio_tensor_ref (at[gonio_graph_outputs (graph, &n)[0]]);
}

static void
assert_same_numbers (const GonioTensor *a, const GonioTensor *b)
{
  g_assert_true (gonio_shape_equal (gonio_tensor_shape (a), gonio_tensor_shape (b)));
  for (int64_t i = 0; i < gonio_tensor_count (a); i++) {
    double x = gonio_tensor_get_double (a, i), y = gonio_tensor_get_double (b, i);
    if (x != y && !(fabs (x - y) <= 2e-5 * MAX (1, fabs (x))))
      g_error ("element %d: %.9g before, %.9g after", (int)i, x, y);
  }
}

/* ---- running passes ---- */

const GonioPassOptions everything = {.level = GONIO_OPT_ALL};

guint
run_pass (GonioGraph *graph, const char *name, const GonioPassOptions *options)
{
  guint changes = 0;
  g_autoptr (GError) error = NULL;

  for (const GonioPass *pass = gonio_passes (); pass->name; pass++) {
    if (!g_str_equal (pass->name, name))
      continue;
    gonio_infer_graph (graph, &error);
    g_assert_no_error (error);
    pass->run (graph, options, &changes, &error);
    g_assert_no_error (error);
    gonio_infer_graph (graph, &error);
    g_assert_no_error (error);
    gonio_graph_check (graph, gonio_op_check_node, &error);
    g_assert_no_error (error);
    return changes;
  }
  g_error ("there is no pass %s", name);
}

/* Runs the pass, removes dead code, compares the numbers; returns how much it changed. */
guint
try_pass (GonioGraph *graph, const char *name)
{
  g_autoptr (GError) error = NULL;
  gonio_infer_graph (graph, &error);
  g_assert_no_error (error);
  g_autoptr (GonioTensor) before = run (graph);
  guint changes = run_pass (graph, name, &everything);
  gonio_graph_remove_dead (graph, NULL);
  g_autoptr (GonioTensor) after = run (graph);
  assert_same_numbers (before, after);
  return changes;
}

void
fires (GonioGraph *graph, const char *name)
{
  if (try_pass (graph, name) == 0)
    g_error ("%s does not fire on %s", name, gonio_graph_name (graph));
}

void
stays (GonioGraph *graph, const char *name)
{
  if (try_pass (graph, name) > 0)
    g_error ("%s fires on %s", name, gonio_graph_name (graph));
}

guint
n_nodes (const GonioGraph *graph)
{
  guint n = 0;
  gonio_graph_order (graph, &n);
  return n;
}

/* Deterministic numbers that are all different. */
GonioValueId
weights (GonioGraph *graph, const char *name, const char *shape)
{
  float numbers[4096] = {0};
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    numbers[i] = sinf ((float)i * 1.7f + (float)strlen (name)) * 0.5f;
  return mk_floats (graph, name, shape, numbers);
}

/* All positive. */
GonioValueId
variances (GonioGraph *graph, const char *name, const char *shape)
{
  float numbers[64] = {0};
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    numbers[i] = 0.3f + 0.1f * (float)i;
  return mk_floats (graph, name, shape, numbers);
}

void
set_ints (GonioGraph *graph, GonioValueId value, const char *name, guint n, ...)
{
  int64_t numbers[16] = {0};
  va_list args;
  va_start (args, n);
  for (guint i = 0; i < n; i++)
    numbers[i] = va_arg (args, int);
  va_end (args);
  gonio_graph_set_attr_ints (graph, mk_producer (graph, value), name, numbers, n);
}

void
set_int (GonioGraph *graph, GonioValueId value, const char *name, int64_t number)
{
  gonio_graph_set_attr_int (graph, mk_producer (graph, value), name, number);
}

GonioValueId
add_batch_norm (GonioGraph *graph, GonioValueId x, const char *n)
{
  return mk_node (graph, GONIO_OP_BATCH_NORMALIZATION, "bn", x, weights (graph, "gamma", n),
                  weights (graph, "beta", n), weights (graph, "mean", n),
                  variances (graph, "variance", n), END);
}
