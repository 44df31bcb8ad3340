/* Doctor: backends, what the machine offers them, and whether what they compute is right. */
#include "app/cli/doctor.h"

#include "app/backend-probe.h"
#include "app/backends.h"
#include "core/graph/edit.h"
#include "core/ops/op.h"

#include <math.h>

/* ---- known answers ---- */

static GonioValueId
add_floats (GonioGraph *graph, const char *name, const float *data, const GonioShape *shape)
{
  size_t size = 0;
  gonio_tensor_bytes (GONIO_DTYPE_FLOAT, shape, &size);
  g_autoptr (GonioTensor) tensor =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, shape, data, size, NULL);
  return gonio_graph_add_constant (graph, name, tensor);
}

static GonioValueId
add_node (GonioGraph *graph, guint op, const char *name, GonioValueId a, GonioValueId b,
          GonioNodeId *out_node)
{
  const GonioValueId inputs[] = {a, b};
  GonioValueId output = gonio_graph_add_value (graph, name, GONIO_DTYPE_NONE, NULL);
  *out_node =
      gonio_graph_add_node (graph, op, name, inputs, b == GONIO_VALUE_NONE ? 1 : 2, &output, 1);
  return output;
}

/* p = relu (x * w + b) for x [2,3]; c = each 3 x 3 sum of i [1,1,4,4] with a border of zeros. */
static GonioGraph *
make_graph (void)
{
  static const float w[] = {1, -1, 0.5f, 2, -1, 1}, b[] = {0.5f, -1};
  static const float ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  static const int64_t pads[] = {1, 1, 1, 1};
  const GonioShape w_shape = GONIO_SHAPE (3, 2), b_shape = GONIO_SHAPE (2);
  const GonioShape k_shape = GONIO_SHAPE (1, 1, 3, 3), x_shape = GONIO_SHAPE (2, 3);
  const GonioShape i_shape = GONIO_SHAPE (1, 1, 4, 4);
  GonioSymShape x_sym = gonio_sym_shape_from_shape (&x_shape);
  GonioSymShape i_sym = gonio_sym_shape_from_shape (&i_shape);
  GonioGraph *graph = gonio_graph_new ("self-test");
  GonioNodeId node;
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &x_sym);
  GonioValueId i = gonio_graph_add_input (graph, "i", GONIO_DTYPE_FLOAT, &i_sym);
  GonioValueId p =
      add_node (graph, GONIO_OP_MATMUL, "product", x, add_floats (graph, "w", w, &w_shape), &node);
  p = add_node (graph, GONIO_OP_ADD, "sum", p, add_floats (graph, "b", b, &b_shape), &node);
  p = add_node (graph, GONIO_OP_RELU, "relu", p, GONIO_VALUE_NONE, &node);
  GonioValueId c =
      add_node (graph, GONIO_OP_CONV, "conv", i, add_floats (graph, "k", ones, &k_shape), &node);
  gonio_graph_set_attr_ints (graph, node, "pads", pads, G_N_ELEMENTS (pads));
  gonio_graph_add_output (graph, p);
  gonio_graph_add_output (graph, c);
  return graph;
}

static gboolean
check_output (const GonioTensor *tensor, const float *expected, guint n, GError **error)
{
  for (guint k = 0; k < n; k++) {
    double got = gonio_tensor_count (tensor) == n ? gonio_tensor_get_double (tensor, k) : NAN;
    if (!(fabs (got - (double)expected[k]) <= 1e-4)) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
                   "it computed %g where %g is right (number %u)", got, (double)expected[k], k);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
has_known_answers (const GonioBackendDef *def, GError **error)
{
  static const float x[] = {1, 2, 3, 4, 5, 6}, p[] = {0, 5, 1, 11};
  static const float i[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  static const float c[] = {4, 6, 6, 4, 6, 9, 9, 6, 6, 9, 9, 6, 4, 6, 6, 4};
  const GonioShape x_shape = GONIO_SHAPE (2, 3), i_shape = GONIO_SHAPE (1, 1, 4, 4);
  const GonioBackendDef *const only[] = {def, NULL};
  const char *const names[] = {"x", "i"};
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  GonioTensor **outputs = NULL;
  options.backends = only;
  options.strict = TRUE; /* no other backend may help */
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (make_graph (), &options, NULL, error);
  if (session == NULL)
    return FALSE;
  g_autoptr (GonioTensor) tx =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &x_shape, x, sizeof x, NULL);
  g_autoptr (GonioTensor) ti =
      gonio_tensor_new_copy (GONIO_DTYPE_FLOAT, &i_shape, i, sizeof i, NULL);
  GonioTensor *const inputs[] = {tx, ti};
  if (!gonio_session_run (session, names, inputs, 2, &outputs, NULL, error))
    return FALSE;
  gboolean ok = check_output (outputs[0], p, G_N_ELEMENTS (p), error) &&
                check_output (outputs[1], c, G_N_ELEMENTS (c), error);
  gonio_session_free_outputs (outputs, 2);
  return ok;
}

/* ---- one backend ---- */

struct _GonioBackendReport {
  const GonioBackendDef *def;
  char *missing;         /* why it is not available; NULL: it is */
  GonioBackendInfo info; /* empty when it is not */
  GonioBackendCheck *check;
  char *untested; /* why there is no check; nullable */
  gboolean taken; /* by automatic choice */
  char *left_out; /* why not; nullable */
};

static void
report_free (gpointer data)
{
  GonioBackendReport *report = data;
  g_free (report->missing);
  gonio_backend_info_clear (&report->info);
  g_clear_pointer (&report->check, gonio_backend_check_free);
  g_free (report->untested);
  g_free (report->left_out);
  g_free (report);
}

/* Backends that come with the program: here and now, against the reference. */
static GonioBackendCheck *
check_here (const GonioBackendDef *def, const GonioBackendDef *oracle)
{
  g_autoptr (GonioBackendCheck) check = gonio_backend_check_new ();
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GError) error = NULL;
  guint n;
  const GonioBackendCase *cases = gonio_backend_cases (&n);
  check->date = g_date_time_format (now, "%Y-%m-%dT%H:%M:%SZ");
  if (!has_known_answers (def, &error)) {
    check->outcome = GONIO_CHECK_FAILED;
    check->reason = g_strdup (error->message);
  }
  const GonioBackendTrial trial = {.def = def, .host = def, .oracle = oracle};
  for (guint i = 0; i < n && def != oracle; i++) {
    g_autofree char *text = NULL;
    GonioCaseState state = gonio_backend_case_run (&trial, &cases[i], &text);
    gonio_backend_check_add (check, cases[i].family, cases[i].name, state, text);
    if (state != GONIO_CASE_FAILED || check->reason != NULL)
      continue;
    check->outcome = GONIO_CHECK_FAILED;
    check->reason = g_strdup_printf ("'%s: %s': %s", cases[i].family, cases[i].name, text);
  }
  return g_steal_pointer (&check);
}

static GonioBackendReport *
report_new (const GonioBackendDef *def, const GonioBackendDef *oracle, gboolean fresh)
{
  GonioBackendReport *report = g_new0 (GonioBackendReport, 1);
  g_autoptr (GError) error = NULL;
  report->def = def;
  if (!gonio_backend_probe (def, &report->info, NULL, &error)) {
    report->missing = g_strdup (error->message);
    return report;
  }
  report->check =
      def->self_test ? gonio_backend_check (def, &report->info, GONIO_PRECISION_FP32, fresh, NULL, &error)
                     : check_here (def, oracle);
  if (report->check == NULL)
    report->untested = g_strdup (error->message);
  return report;
}

/* ---- in words ---- */

/* "conv 11, pool 5" of the rows in that state; NULL when there is none. */
static char *
list_families (const GonioBackendCheck *check, GonioCaseState state)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const char *family = NULL;
  guint n = 0;
  for (guint i = 0; i <= check->rows->len; i++) {
    const GonioCheckRow *row = i < check->rows->len ? check->rows->pdata[i] : NULL;
    gboolean other = row == NULL || g_strcmp0 (family, row->family) != 0;
    if (other && n > 0)
      g_string_append_printf (text, "%s%s %u", text->len > 0 ? ", " : "", family, n);
    if (row == NULL)
      break;
    n = (other ? 0 : n) + (row->state == state);
    family = row->family;
  }
  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

static void
append_families (GString *text, const GonioBackendCheck *check, GonioCaseState state,
                 const char *what)
{
  g_autofree char *families = list_families (check, state);
  if (families != NULL)
    g_string_append_printf (text, "; %s: %s", what, families);
}

static char *
check_words (const GonioBackendCheck *check)
{
  GString *text = g_string_new (check->reason != NULL ? check->reason : "self-test passed");
  double speed = gonio_backend_check_speed (check);
  g_string_append_printf (text, " (%s %s)", check->kept ? "kept from" : "run", check->date);
  append_families (text, check, GONIO_CASE_PASSED, "right");
  append_families (text, check, GONIO_CASE_FAILED, "wrong");
  append_families (text, check, GONIO_CASE_NOT_CLAIMED, "not claimed");
  if (speed > 0)
    g_string_append_printf (text, "; %.2f times as fast as the processor (%.1f ms, %.1f ms)", speed,
                            check->device_ms, check->host_ms);
  return g_string_free (text, FALSE);
}

static void
add_check (GPtrArray *findings, const GonioBackendReport *report)
{
  g_autofree char *name = g_strdup_printf ("self-test %s", report->def->name);
  const GonioBackendCheck *check = report->check;
  if (check == NULL)
    gonio_doctor_add (findings, GONIO_HEALTH_NOTE, name, g_strdup (report->untested),
                      g_strdup ("The other backends do its work, more slowly."));
  else if (check->outcome == GONIO_CHECK_PASSED)
    gonio_doctor_add (findings, GONIO_HEALTH_OK, name, check_words (check), NULL);
  else if (report->def->self_test)
    gonio_doctor_add (findings, GONIO_HEALTH_NOTE, name, check_words (check),
                      g_strdup ("It is left out; the processor does its work. A newer graphics "
                                "driver may help: then run gonio-cli doctor --self-test."));
  else
    gonio_doctor_add (findings, GONIO_HEALTH_FAIL, name, check_words (check),
                      g_strdup_printf ("Leave it out (--backend with the others), and report this "
                                       "machine's processor with gonio-cli %s.",
                                       GONIO_VERSION));
}

static void
add_findings (GPtrArray *findings, const GonioBackendReport *report)
{
  g_autofree char *name = g_strdup_printf ("backend %s", report->def->name);
  const GonioBackendInfo *info = &report->info;
  if (report->missing != NULL) {
    gonio_doctor_add (findings, GONIO_HEALTH_NOTE, name,
                      g_strdup_printf ("not available: %s", report->missing),
                      g_strdup ("The other backends do its work, more slowly."));
    return;
  }
  g_autofree char *choice =
      report->taken ? g_strdup ("chosen automatically")
                    : g_strdup_printf ("not chosen automatically: %s", report->left_out);
  gonio_doctor_add (findings, GONIO_HEALTH_OK, name,
                    g_strdup_printf ("%s; %s%s%s; %s", info->device ? info->device : "no name",
                                     info->driver ? info->driver : "no driver name",
                                     info->limits ? "; " : "", info->limits ? info->limits : "",
                                     choice),
                    NULL);
  add_check (findings, report);
}

/* ---- all ---- */

static void
note_choices (GPtrArray *reports)
{
  g_autoptr (GPtrArray) choices = NULL;
  g_autofree const GonioBackendDef **chosen = gonio_backends_choose (NULL, &choices, NULL);
  for (guint i = 0; chosen != NULL && i < choices->len; i++)
    for (guint k = 0; k < reports->len; k++) {
      const GonioBackendChoice *choice = choices->pdata[i];
      GonioBackendReport *report = reports->pdata[k];
      if (report->def != choice->def)
        continue;
      report->taken = choice->taken;
      report->left_out = g_strdup (choice->reason);
    }
}

GPtrArray *
gonio_doctor_backends (GPtrArray *findings, gboolean fresh)
{
  GPtrArray *reports = g_ptr_array_new_with_free_func (report_free);
  const GonioBackendDef *const *all = gonio_backends ();
  guint n = 0;
  while (all[n] != NULL)
    n++;
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (reports, report_new (all[i], all[n - 1], fresh));
  note_choices (reports);
  for (guint i = 0; i < n; i++)
    add_findings (findings, reports->pdata[i]);
  return reports;
}

/* ---- JSON ---- */

static void
check_to_json (JsonBuilder *builder, const GonioBackendCheck *check)
{
  static const char *const states[] = {"passed", "failed", "not-claimed"};
  static const char *const outcomes[] = {"passed", "failed", "crashed", "late"};
  gonio_cli_json_string (builder, "outcome", outcomes[check->outcome]);
  gonio_cli_json_string (builder, "reason", check->reason);
  gonio_cli_json_string (builder, "date", check->date);
  json_builder_set_member_name (builder, "kept");
  json_builder_add_boolean_value (builder, check->kept);
  gonio_cli_json_number (builder, "speed", gonio_backend_check_speed (check));
  gonio_cli_json_number (builder, "device_ms", check->device_ms);
  gonio_cli_json_number (builder, "host_ms", check->host_ms);
  json_builder_set_member_name (builder, "cases");
  json_builder_begin_array (builder);
  for (guint i = 0; i < check->rows->len; i++) {
    const GonioCheckRow *row = check->rows->pdata[i];
    json_builder_begin_object (builder);
    gonio_cli_json_string (builder, "family", row->family);
    gonio_cli_json_string (builder, "name", row->name);
    gonio_cli_json_string (builder, "state", states[row->state]);
    gonio_cli_json_string (builder, "text", row->text);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
}

void
gonio_doctor_backends_json (JsonBuilder *builder, GPtrArray *reports)
{
  json_builder_set_member_name (builder, "backends");
  json_builder_begin_array (builder);
  for (guint i = 0; i < reports->len; i++) {
    const GonioBackendReport *report = reports->pdata[i];
    json_builder_begin_object (builder);
    gonio_cli_json_string (builder, "name", report->def->name);
    json_builder_set_member_name (builder, "available");
    json_builder_add_boolean_value (builder, report->missing == NULL);
    gonio_cli_json_string (builder, "missing", report->missing);
    gonio_cli_json_string (builder, "device", report->info.device);
    gonio_cli_json_string (builder, "driver", report->info.driver);
    gonio_cli_json_string (builder, "limits", report->info.limits);
    json_builder_set_member_name (builder, "software");
    json_builder_add_boolean_value (builder, report->info.software);
    json_builder_set_member_name (builder, "automatic");
    json_builder_add_boolean_value (builder, report->taken);
    gonio_cli_json_string (builder, "left_out", report->left_out);
    json_builder_set_member_name (builder, "self_test");
    if (report->check != NULL) {
      json_builder_begin_object (builder);
      check_to_json (builder, report->check);
      json_builder_end_object (builder);
    } else {
      json_builder_add_null_value (builder);
    }
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
}
