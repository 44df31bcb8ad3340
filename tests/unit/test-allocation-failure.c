/* Every allocation that may fail does so once, while small models are loaded, built and run: an
 * error that says so, or the right result all the same; no leak (the sanitized build looks), and
 * the session works afterwards. */
#include "app/backends.h"
#include "app/image-decoder.h"
#include "core/base/error.h"
#include "tests/support/fault-memory.h"
#include "tests/support/small-models.h"

#include <glib/gstdio.h>
#include <string.h>

#define SIZE 8 /* of free dimensions */

typedef struct {
  const char *path;
  GonioSessionOptions options;
  GPtrArray *inputs;
  GonioTensor **expected;
  guint n_outputs;
  guint failed, unharmed; /* points that gave an error, and that did not matter */
} Case;

/* An error of the kind that is due: what needed how many bytes. */
static void
check_error (const Case *c, guint nth, const GError *error)
{
  g_assert_nonnull (error);
  if (!g_error_matches (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY) &&
      strstr (error->message, "threads cannot be started") == NULL)
    g_error ("%s, allocation %u: %s", c->path, nth, error->message);
  else if (strstr (error->message, "threads cannot be started") == NULL &&
           (strstr (error->message, "not enough memory: ") == NULL ||
            strstr (error->message, " needs ") == NULL ||
            strstr (error->message, " bytes") == NULL))
    g_error ("%s, allocation %u: what needed how much? %s", c->path, nth, error->message);
}

static void
take_outputs (Case *c, guint nth, GonioTensor **outputs, const GError *error, gboolean hit)
{
  if (outputs == NULL) {
    g_assert_true (hit);
    check_error (c, nth, error);
    c->failed++;
    return;
  }
  g_assert_no_error (error);
  if (!small_model_equal (outputs, c->expected, c->n_outputs))
    g_error ("%s, allocation %u: wrong result", c->path, nth);
  gonio_session_free_outputs (outputs, c->n_outputs);
  c->unharmed += hit;
}

static void
run_well (Case *c, GonioSession *session)
{
  g_autoptr (GError) error = NULL;
  GonioTensor **outputs = small_model_run (session, c->inputs, NULL, &error);

  g_assert_no_error (error);
  take_outputs (c, 0, outputs, error, FALSE);
}

/* The nth allocation of loading, building and running fails. FALSE: there were fewer. */
static gboolean
fail_whole (Case *c, guint nth, gboolean and_later)
{
  g_autoptr (GError) error = NULL;
  GonioTensor **outputs = NULL;

  fault_start (nth, and_later);
  g_autoptr (GonioSession) session =
      gonio_session_new_from_file (c->path, &c->options, NULL, &error);
  if (session != NULL)
    outputs = small_model_run (session, c->inputs, NULL, &error);
  gboolean hit = fault_stop () >= nth;
  take_outputs (c, nth, outputs, error, hit);
  if (session != NULL)
    run_well (c, session);
  return hit;
}

/* The same for a run alone, of a session that goes on being used. */
static gboolean
fail_run (Case *c, GonioSession *session, guint nth, gboolean and_later)
{
  g_autoptr (GError) error = NULL;

  fault_start (nth, and_later);
  GonioTensor **outputs = small_model_run (session, c->inputs, NULL, &error);
  gboolean hit = fault_stop () >= nth;
  take_outputs (c, nth, outputs, error, hit);
  if (hit)
    run_well (c, session);
  return hit;
}

static void
check_model (const char *dir, const char *name, const GonioBackendDef *const *backends,
             const char *list)
{
  g_autofree char *path = small_model_write (dir, name);
  g_autoptr (GError) error = NULL;
  Case c = {.path = path, .options = GONIO_SESSION_OPTIONS_DEFAULT};

  c.options.backends = backends;
  c.options.evaluate = gonio_backends_evaluate;
  c.options.threads = 2;
  g_autoptr (GonioSession) session = gonio_session_new_from_file (path, &c.options, NULL, &error);
  g_assert_no_error (error);
  c.inputs = small_model_inputs (session, SIZE);
  c.expected = small_model_run (session, c.inputs, NULL, &error);
  g_assert_no_error (error);
  gonio_session_outputs (session, &c.n_outputs);
  if (g_str_equal (name, "net"))
    c.options.threads = 3; /* no pool of that size is there yet: it is made, which takes time */

  for (int and_later = 0; and_later < 2; and_later++) {
    guint nth = 1;
    while (fail_whole (&c, nth, and_later))
      nth++;
    g_assert_cmpuint (nth, >, 20);
    for (nth = 1; fail_run (&c, session, nth, and_later);)
      nth++;
    g_assert_cmpuint (nth, >, 1);
  }
  g_test_message ("%s on %s: %u allocations failed with an error, %u did not matter", name, list,
                  c.failed, c.unharmed);
  g_assert_cmpuint (c.failed, >, 4 * c.unharmed);
  gonio_session_free_outputs (c.expected, c.n_outputs);
  g_ptr_array_unref (c.inputs);
  small_model_remove (dir, name);
}

static void
test_list (gconstpointer list)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("gonio-allocation-XXXXXX", NULL);
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (list, &error);

  g_assert_no_error (error);
  for (guint i = 0; small_models[i] != NULL; i++)
    check_model (dir, small_models[i], backends, list);
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gonio_image_decoder_install ();
  g_test_add_data_func ("/allocation-failure/reference", "reference", test_list);
  if (gonio_backend_find ("cpu") != NULL)
    g_test_add_data_func ("/allocation-failure/cpu", "cpu,reference", test_list);
  return g_test_run ();
}
