/* Sessions and threads: many threads run one session, build sessions of the same and of different
 * models, cancel, and let go of the last reference while others build. Right results are checked
 * here; the thread sanitizer looks for races (preset tsan). */
#include "app/backends.h"
#include "app/image-decoder.h"
#include "core/base/error.h"
#include "tests/support/small-models.h"

#include <glib/gstdio.h>

#define THREADS 4
#define ROUNDS  6

typedef struct {
  const char *path;
  const GonioSessionOptions *options;
  GonioSession *session; /* shared by all */
  GPtrArray *inputs[3];  /* of three sizes */
  GonioTensor **expected[3];
  guint n_outputs;
} Shared;

typedef struct {
  const Shared *shared;
  guint number;
  GonioSession *session; /* nullable: a reference that the thread lets go of */
} Worker;

static int64_t
size_of (guint i)
{
  return 6 + 2 * (int64_t)i;
}

static void
run_and_check (const Shared *s, GonioSession *session, guint i)
{
  g_autoptr (GError) error = NULL;
  GonioTensor **outputs = small_model_run (session, s->inputs[i], NULL, &error);

  g_assert_no_error (error);
  g_assert_true (small_model_equal (outputs, s->expected[i], s->n_outputs));
  gonio_session_free_outputs (outputs, s->n_outputs);
}

static GonioSession *
build (const Shared *s, GCancellable *cancellable, GError **error)
{
  return gonio_session_new_from_file (s->path, s->options, cancellable, error);
}

/* ---- what threads do ---- */

/* Sizes change from run to run, so that plans are built, found and thrown out (plan_cache is 2). */
static gpointer
run_shared (gpointer data)
{
  const Worker *w = data;

  for (guint round = 0; round < ROUNDS; round++)
    run_and_check (w->shared, w->shared->session, (w->number + round) % 3);
  return NULL;
}

static gpointer
read_reports (gpointer data)
{
  const Worker *w = data;

  for (guint round = 0; round < ROUNDS; round++) {
    GonioSession *session = w->shared->session;
    g_autoptr (GPtrArray) report = gonio_session_dup_report (session);
    g_autoptr (GArray) trace = gonio_session_dup_trace (session);
    g_autofree char *summary = gonio_session_dup_placement_summary (session);
    g_autoptr (GonioGraph) graph = gonio_session_dup_graph (session);
    GonioSessionStats stats;

    gonio_session_stats (session, &stats);
    g_assert_nonnull (report);
    g_assert_nonnull (summary);
    g_assert_nonnull (trace);
    g_assert_cmpuint (gonio_graph_n_nodes (graph), >, 0);
  }
  return NULL;
}

/* Every thread the same model, each its own session. */
static gpointer
build_and_run (gpointer data)
{
  const Worker *w = data;

  for (guint round = 0; round < ROUNDS / 3; round++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioSession) session = build (w->shared, NULL, &error);

    g_assert_no_error (error);
    run_and_check (w->shared, session, w->number % 3);
  }
  return NULL;
}

/* The thread that is last takes the session down, while others build theirs. */
static gpointer
run_and_release (gpointer data)
{
  const Worker *w = data;
  g_autoptr (GonioSession) session = w->session;

  run_and_check (w->shared, session, w->number % 3);
  return NULL;
}

typedef struct {
  GCancellable *cancellable;
  gulong wait_us;
} Cancel;

static gpointer
cancel_later (gpointer data)
{
  const Cancel *cancel = data;

  g_usleep (cancel->wait_us);
  g_cancellable_cancel (cancel->cancellable);
  return NULL;
}

/* Is told to stop before, while or after it builds and runs; every outcome but a third is right. */
static gpointer
run_cancelled (gpointer data)
{
  const Worker *w = data;

  for (guint round = 0; round < ROUNDS; round++) {
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();
    g_autoptr (GError) error = NULL;
    g_autoptr (GonioSession) own = NULL;
    Cancel cancel = {cancellable, 100 * (round + w->number)};
    GThread *thread = g_thread_new ("cancel", cancel_later, &cancel);
    GonioSession *session = w->shared->session;
    GonioTensor **outputs = NULL;

    if (round % 2 == 1)
      session = own = build (w->shared, cancellable, &error);
    if (session != NULL)
      outputs = small_model_run (session, w->shared->inputs[round % 3], cancellable, &error);
    g_thread_join (thread);
    if (outputs != NULL) {
      g_assert_true (
          small_model_equal (outputs, w->shared->expected[round % 3], w->shared->n_outputs));
      gonio_session_free_outputs (outputs, w->shared->n_outputs);
    } else {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
  }
  return NULL;
}

/* ---- putting them together ---- */

static void
run_workers (const Shared *shared, guint n_functions, const GThreadFunc *functions)
{
  GThread *threads[THREADS];
  Worker workers[THREADS];

  for (guint i = 0; i < THREADS; i++) {
    workers[i] = (Worker){.shared = shared, .number = i};
    threads[i] = g_thread_new ("worker", functions[i % n_functions], &workers[i]);
  }
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
}

/* Each thread but the last has a reference, and nobody else. */
static void
release_while_building (const Shared *shared)
{
  GThread *threads[THREADS];
  Worker workers[THREADS];

  for (guint round = 0; round < ROUNDS / 3; round++) {
    g_autoptr (GError) error = NULL;
    GonioSession *session = build (shared, NULL, &error);

    g_assert_no_error (error);
    for (guint i = 0; i < THREADS; i++) {
      gboolean builds = i == THREADS - 1;

      workers[i] = (Worker){shared, i, builds ? NULL : gonio_session_ref (session)};
      threads[i] = g_thread_new ("worker", builds ? build_and_run : run_and_release, &workers[i]);
    }
    gonio_session_unref (session);
    for (guint i = 0; i < THREADS; i++)
      g_thread_join (threads[i]);
  }
}

static void
shared_init (Shared *s, const char *path, const GonioSessionOptions *options)
{
  g_autoptr (GError) error = NULL;

  *s = (Shared){.path = path, .options = options};
  s->session = build (s, NULL, &error);
  g_assert_no_error (error);
  gonio_session_outputs (s->session, &s->n_outputs);
  for (guint i = 0; i < G_N_ELEMENTS (s->inputs); i++) {
    s->inputs[i] = small_model_inputs (s->session, size_of (i));
    s->expected[i] = small_model_run (s->session, s->inputs[i], NULL, &error);
    g_assert_no_error (error);
  }
}

static void
shared_clear (Shared *s)
{
  for (guint i = 0; i < G_N_ELEMENTS (s->inputs); i++) {
    gonio_session_free_outputs (s->expected[i], s->n_outputs);
    g_ptr_array_unref (s->inputs[i]);
  }
  g_clear_pointer (&s->session, gonio_session_unref);
}

/* Every model's threads at the same time. */
static gpointer
exercise (gpointer data)
{
  const GThreadFunc mixed[] = {run_shared, build_and_run, run_cancelled, read_reports};
  const GThreadFunc running[] = {run_shared};
  const GThreadFunc building[] = {build_and_run};
  const GThreadFunc cancelling[] = {run_cancelled, run_shared};
  const Shared *shared = data;

  run_workers (shared, G_N_ELEMENTS (running), running);
  run_workers (shared, G_N_ELEMENTS (building), building);
  run_workers (shared, G_N_ELEMENTS (cancelling), cancelling);
  run_workers (shared, G_N_ELEMENTS (mixed), mixed);
  release_while_building (shared);
  return NULL;
}

static void
test_list (gconstpointer list)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp ("gonio-threads-XXXXXX", NULL);
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (list, &error);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  Shared shared[8];

  g_assert_no_error (error);
  options.backends = backends;
  options.evaluate = gonio_backends_evaluate;
  options.threads = 2;
  options.plan_cache = 2;
  options.profile = TRUE;
  for (guint i = 0; small_models[i] != NULL; i++)
    shared_init (&shared[i], small_model_write (dir, small_models[i]), &options);
  for (guint i = 0; small_models[i] != NULL; i++)
    g_ptr_array_add (threads, g_thread_new (small_models[i], exercise, &shared[i]));
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (threads->pdata[i]);
  for (guint i = 0; small_models[i] != NULL; i++) {
    shared_clear (&shared[i]);
    g_free ((char *)shared[i].path);
    small_model_remove (dir, small_models[i]);
  }
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gonio_image_decoder_install ();
  g_test_add_data_func ("/threads/reference", "reference", test_list);
  if (gonio_backend_find ("cpu") != NULL)
    g_test_add_data_func ("/threads/cpu", "cpu,reference", test_list);
  return g_test_run ();
}
