/* The beginning of each test of the OpenGL backends, and what several of them do. */
#include "tests/backend/gl-test.h"

#include "backends/gl/compute/compute.h"
#include "backends/gl/fragment/fragment.h"
#include "backends/reference/reference.h"

const GonioBackendDef *gl_test_alone[] = {NULL, NULL};
const GonioBackendDef *gl_test_backed[] = {NULL, &gonio_backend_reference, NULL};
const GonioBackendDef *const gl_test_reference[] = {&gonio_backend_reference, NULL};
const OpCaseSetup gl_test_setup = {gl_test_alone, gl_test_reference, 1};

gboolean
gl_test_begin (int *argc, char ***argv)
{
  g_auto (GonioBackendInfo) info = {0};
  g_autoptr (GError) error = NULL;
  g_test_init (argc, argv, NULL);
  g_test_set_nonfatal_assertions ();
  gboolean fragment = *argc > 1 && g_str_equal ((*argv)[1], "gl-fragment");
  gl_test_alone[0] = fragment ? &gonio_backend_gl_fragment : &gonio_backend_gl_compute;
  gl_test_backed[0] = gl_test_alone[0];
  if (!gl_test_alone[0]->probe (&info, &error)) {
    g_print ("1..0 # SKIP %s\n", error->message);
    return FALSE;
  }
  const char *version = g_getenv ("GONIO_TEST_GL_VERSION");
  if (!version || g_str_has_prefix (info.driver, version))
    return TRUE;
  g_print ("1..0 # SKIP %s wanted, %s found\n", version, info.driver);
  return FALSE;
}

/* ---- tables ---- */

typedef struct {
  const char *const *cases;
  guint n;
} Table;

void
gl_test_run_cases (const char *const *cases, guint n)
{
  for (guint i = 0; i < n; i++)
    for (int sandwich = 0; sandwich < 2; sandwich++)
      op_case_run (&gl_test_setup, cases[i], sandwich);
}

static void
run_table (gconstpointer data)
{
  const Table *table = data;
  gl_test_run_cases (table->cases, table->n);
}

static void
refuse_table (gconstpointer data)
{
  const Table *table = data;
  for (guint i = 0; i < table->n; i++)
    op_case_refused (&gl_test_setup, table->cases[i]);
}

static void
add_table (const char *path, const char *const *cases, guint n, GTestDataFunc test)
{
  Table *table = g_new (Table, 1);
  *table = (Table){cases, n};
  g_test_add_data_func_full (path, table, test, g_free);
}

void
gl_test_add_cases (const char *path, const char *const *cases, guint n)
{
  add_table (path, cases, n, run_table);
}

void
gl_test_add_refused (const char *path, const char *const *cases, guint n)
{
  add_table (path, cases, n, refuse_table);
}

/* ---- graphs ---- */

GonioValueId
gl_test_add_node (GonioGraph *graph, GonioOpId op, const GonioValueId *inputs, guint n)
{
  GonioValueId to = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
  gonio_graph_add_node (graph, op, NULL, inputs, n, &to, 1);
  return to;
}

GonioTensor **
gl_test_run_graph (const GonioGraph *graph, const GonioBackendDef *const *backends,
                   const char *const *names, GonioTensor *const *inputs, guint n)
{
  g_autoptr (GError) error = NULL;
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  GonioTensor **outputs = NULL;
  options.backends = backends;
  options.strict = TRUE;
  options.optimization = GONIO_OPT_DISABLED;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (gonio_graph_clone (graph), &options, NULL, &error);
  g_assert_no_error (error);
  gonio_session_run (session, names, inputs, n, &outputs, NULL, &error);
  g_assert_no_error (error);
  return outputs;
}
