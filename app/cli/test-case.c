/* Running and judging one ONNX backend test. */
#include "app/cli/test-case.h"

#include "core/base/error.h"
#include "core/onnx/load.h"
#include "core/ops/op.h"

#include <math.h>
#include <string.h>

#define MAX_DEPTH 4

/* ---- finding ---- */

static gint
by_name (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder with the given start and end, sorted. (transfer full) */
static GPtrArray *
list_names (const char *dir, const char *prefix, const char *suffix)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) handle = g_dir_open (dir, 0, NULL);
  const char *name;
  while (handle != NULL && (name = g_dir_read_name (handle)) != NULL)
    if (g_str_has_prefix (name, prefix) && g_str_has_suffix (name, suffix))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, by_name);
  return names;
}

/* model.onnx, or the folder's only .onnx file. (transfer full), NULL when there is none. */
static char *
model_of (const char *dir)
{
  g_autofree char *usual = g_build_filename (dir, "model.onnx", NULL);
  if (g_file_test (usual, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&usual);
  g_autoptr (GPtrArray) names = list_names (dir, "", ".onnx");
  return names->len == 1 ? g_build_filename (dir, g_ptr_array_index (names, 0), NULL) : NULL;
}

static void
find_below (const char *dir, guint depth, GPtrArray *tests)
{
  g_autofree char *model = model_of (dir);
  g_autoptr (GPtrArray) sets = list_names (dir, "test_data_set_", "");
  if (model != NULL && sets->len > 0) {
    g_ptr_array_add (tests, g_strdup (dir));
    return;
  }
  if (depth == MAX_DEPTH)
    return;
  g_autoptr (GPtrArray) names = list_names (dir, "", "");
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (dir, g_ptr_array_index (names, i), NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      find_below (path, depth + 1, tests);
  }
}

gboolean
gonio_test_case_find (const char *dir, GPtrArray *tests, GError **error)
{
  guint before = tests->len;
  find_below (dir, 0, tests);
  if (tests->len > before)
    return TRUE;
  g_set_error (error, GONIO_LOAD_ERROR, GONIO_LOAD_ERROR_IO,
               "%s: no ONNX backend test here (model.onnx with test_data_set_* beside it)", dir);
  return FALSE;
}

/* ---- judging ---- */

static gboolean
close_enough (double got, double expected, const GonioTolerances *tolerances)
{
  if (isnan (got) || isnan (expected))
    return isnan (got) && isnan (expected);
  if (isinf (got) || isinf (expected))
    return got == expected;
  return fabs (got - expected) <= tolerances->atol + tolerances->rtol * fabs (expected);
}

static char *
string_difference (const GonioTensor *got, const GonioTensor *expected)
{
  for (int64_t i = 0; i < gonio_tensor_count (got); i++)
    if (strcmp (gonio_tensor_string (got, i), gonio_tensor_string (expected, i)) != 0)
      return g_strdup_printf ("text %" G_GINT64_FORMAT " is '%s', not '%s'", i,
                              gonio_tensor_string (got, i), gonio_tensor_string (expected, i));
  return NULL;
}

/* Complex numbers as twice as many real ones; other tensors as they are. */
static GonioTensor *
as_reals (const GonioTensor *tensor)
{
  GonioDType dtype = gonio_tensor_dtype (tensor);
  if (dtype != GONIO_DTYPE_COMPLEX64 && dtype != GONIO_DTYPE_COMPLEX128)
    return gonio_tensor_ref ((GonioTensor *)tensor);
  GonioShape flat = GONIO_SHAPE (2 * gonio_tensor_count (tensor));
  return gonio_tensor_new_copy (
      dtype == GONIO_DTYPE_COMPLEX64 ? GONIO_DTYPE_FLOAT : GONIO_DTYPE_DOUBLE, &flat,
      gonio_tensor_data (tensor), gonio_tensor_size (tensor), NULL);
}

static char *
number_difference (const GonioTensor *got, const GonioTensor *expected,
                   const GonioTolerances *tolerances)
{
  g_autoptr (GonioTensor) a = as_reals (got);
  g_autoptr (GonioTensor) b = as_reals (expected);
  int64_t n = gonio_tensor_count (a), wrong = 0, first = -1;
  gboolean integers = gonio_dtype_is_integer (gonio_tensor_dtype (a));
  for (int64_t i = 0; i < n; i++) {
    gboolean same = integers && gonio_tensor_get_int (a, i) == gonio_tensor_get_int (b, i);
    if (same ||
        close_enough (gonio_tensor_get_double (a, i), gonio_tensor_get_double (b, i), tolerances))
      continue;
    first = first < 0 ? i : first;
    wrong++;
  }
  if (wrong == 0)
    return NULL;
  return g_strdup_printf ("%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT
                          " values differ, the first at %" G_GINT64_FORMAT ": %.9g, not %.9g",
                          wrong, n, first, gonio_tensor_get_double (a, first),
                          gonio_tensor_get_double (b, first));
}

static char *
items_difference (const GonioTensor *got, const GonioTensor *expected,
                  const GonioTolerances *tolerances, gboolean values)
{
  for (guint i = 0; i < gonio_list_length (got); i++) {
    g_autofree char *text = gonio_tensor_difference (
        gonio_list_item (got, i), gonio_list_item (expected, i), tolerances, values);
    if (text != NULL)
      return g_strdup_printf ("item %u: %s", i, text);
  }
  return NULL;
}

char *
gonio_tensor_difference (const GonioTensor *got, const GonioTensor *expected,
                         const GonioTolerances *tolerances, gboolean values)
{
  if (gonio_tensor_kind (got) != gonio_tensor_kind (expected) ||
      gonio_list_length (got) != gonio_list_length (expected) ||
      gonio_tensor_dtype (got) != gonio_tensor_dtype (expected) ||
      !gonio_shape_equal (gonio_tensor_shape (got), gonio_tensor_shape (expected))) {
    g_autofree char *mine = gonio_list_describe (got);
    g_autofree char *theirs = gonio_list_describe (expected);
    return g_strdup_printf ("is %s, not %s", mine, theirs);
  }
  if (gonio_tensor_kind (got) != GONIO_KIND_TENSOR)
    return items_difference (got, expected, tolerances, values);
  if (!values)
    return NULL;
  return gonio_tensor_dtype (got) == GONIO_DTYPE_STRING
             ? string_difference (got, expected)
             : number_difference (got, expected, tolerances);
}

/* ---- running ---- */

/* prefix_0.pb, prefix_1.pb, ... (transfer full); stops at the first that is missing. Read by the
 * model's ports: the file does not say what it holds. */
static GPtrArray *
load_values (const char *dir, const char *prefix, const GonioPort *ports, guint n_ports,
             GError **error)
{
  g_autoptr (GPtrArray) tensors =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  for (guint i = 0;; i++) {
    g_autofree char *name = g_strdup_printf ("%s_%u.pb", prefix, i);
    g_autofree char *path = g_build_filename (dir, name, NULL);
    if (!g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&tensors);
    GonioTensor *tensor =
        gonio_onnx_load_value_pb (path, i < n_ports ? ports[i].kind : GONIO_KIND_TENSOR, error);
    if (tensor == NULL)
      return NULL;
    g_ptr_array_add (tensors, tensor);
  }
}

/* Does anything in the graph draw random numbers? Then no values can be expected. */
static gboolean
is_random (const GonioGraph *graph)
{
  guint n;
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, order[i]);
    if (gonio_op_def (node->op)->flags & GONIO_OPF_IMPURE)
      return TRUE;
    for (guint a = 0; a < node->n_attrs; a++)
      if (node->attrs[a].type == GONIO_ATTR_GRAPH && is_random (node->attrs[a].graph))
        return TRUE;
  }
  return FALSE;
}

static char *
judge_outputs (GonioSession *session, GonioTensor **outputs, const GPtrArray *expected,
               const GonioTolerances *tolerances)
{
  guint n;
  const GonioPort *ports = gonio_session_outputs (session, &n);
  if (expected->len > n)
    return g_strdup_printf ("the model has %u outputs, %u are expected", n, expected->len);
  g_autoptr (GonioGraph) graph = gonio_session_dup_graph (session);
  gboolean values = !is_random (graph);
  for (guint i = 0; i < expected->len; i++) {
    g_autofree char *text =
        gonio_tensor_difference (outputs[i], g_ptr_array_index (expected, i), tolerances, values);
    if (text != NULL)
      return g_strdup_printf ("output '%s' %s", ports[i].name, text);
  }
  return NULL;
}

/* NULL when all is well, else what is wrong. (transfer full) */
static char *
run_data_set (GonioSession *session, const char *dir, const GonioTolerances *tolerances)
{
  guint n_ports, n_outputs;
  const GonioPort *ports = gonio_session_inputs (session, &n_ports);
  const GonioPort *results = gonio_session_outputs (session, &n_outputs);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) inputs = load_values (dir, "input", ports, n_ports, &error);
  g_autoptr (GPtrArray) expected =
      inputs != NULL ? load_values (dir, "output", results, n_outputs, &error) : NULL;
  if (expected == NULL)
    return g_strdup (error->message);
  if (inputs->len > n_ports)
    return g_strdup_printf ("the model has %u inputs, %u are given", n_ports, inputs->len);
  g_autofree const char **names = g_new (const char *, MAX (n_ports, 1));
  for (guint i = 0; i < inputs->len; i++)
    names[i] = ports[i].name;
  GonioTensor **outputs = NULL;
  if (!gonio_session_run (session, names, (GonioTensor *const *)inputs->pdata, inputs->len,
                          &outputs, NULL, &error))
    return g_strdup (error->message);
  char *text = judge_outputs (session, outputs, expected, tolerances);
  gonio_session_free_outputs (outputs, n_outputs);
  return text;
}

GonioVerdict
gonio_test_case_run (const char *dir, const GonioSessionOptions *options,
                     const GonioTolerances *tolerances, char **out_reason)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *model = model_of (dir);
  g_autoptr (GPtrArray) sets = list_names (dir, "test_data_set_", "");
  if (model == NULL || sets->len == 0) {
    *out_reason = g_strdup ("no model or no test data");
    return GONIO_VERDICT_SKIP;
  }
  g_autoptr (GonioSession) session = gonio_session_new_from_file (model, options, NULL, &error);
  if (session == NULL) {
    *out_reason = g_strdup (error->message);
    return GONIO_VERDICT_FAIL;
  }
  for (guint i = 0; i < sets->len; i++) {
    g_autofree char *path = g_build_filename (dir, g_ptr_array_index (sets, i), NULL);
    g_autofree char *text = run_data_set (session, path, tolerances);
    if (text != NULL) {
      *out_reason = g_strdup_printf ("%s: %s", (char *)g_ptr_array_index (sets, i), text);
      return GONIO_VERDICT_FAIL;
    }
  }
  *out_reason = g_strdup ("");
  return GONIO_VERDICT_PASS;
}
