/* The engine: pipelines opened off the main thread by the settings, the last of several changes,
 * failures, what is remembered; and the queue that waits for it. */
#define G_SETTINGS_ENABLE_BACKEND

#include "app/backends.h"
#include "ui/model/gonio-engine.h"
#include "ui/model/gonio-queue.h"

#include <gio/gsettingsbackend.h>
#include <glib/gstdio.h>
#include <string.h>

#define RESOURCES GONIO_SOURCE_DIR "/resources"
#define SAMPLE    RESOURCES "/samples/foot-dp.png"

/* ---- a program with two backends, "slow" and "broken" ---- */

static GThread *main_thread;
static GMutex gate;     /* held: nothing is opened */
static int begun;       /* times that something came to the gate */
static int opened;      /* pipelines */
static int asked[2][4]; /* times by precision and by first letter: a, s, b, other */

static int
letter (const char *backend)
{
  const char *at = strchr ("asb", backend[0]);
  return at != NULL ? (int)(at - "asb") : 3;
}

static GonioPipeline *
open_pipeline (const char *backend, GonioPrecision precision, GCancellable *cancellable,
               char **out_note, GError **error)
{
  g_assert_true (g_thread_self () != main_thread);
  g_atomic_int_inc (&begun);
  g_mutex_lock (&gate);
  g_mutex_unlock (&gate);
  while (g_str_equal (backend, "endless") && !g_cancellable_is_cancelled (cancellable))
    g_usleep (500);
  g_atomic_int_inc (&asked[precision][letter (backend)]);
  if (g_str_equal (backend, "broken")) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the card is gone");
    return NULL;
  }
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (NULL, error);
  const char *const models[] = {RESOURCES "/models", NULL};
  const char *const protocols[] = {RESOURCES "/protocols", NULL};
  const GonioPipelineOptions options = {.backends = backends,
                                        .backend_choice = backend,
                                        .precision = precision,
                                        .model_dirs = models,
                                        .protocol_dirs = protocols};
  GonioPipeline *pipeline = gonio_pipeline_new (&options, error);
  if (g_str_equal (backend, "slow"))
    *out_note = g_strdup ("it is slow");
  g_atomic_int_inc (&opened);
  return pipeline;
}

static int served;

static GonioPipeline *
open_at_once (GError **error)
{
  g_assert_true (g_thread_self () != main_thread);
  g_atomic_int_inc (&served);
  g_autofree const GonioBackendDef **backends = gonio_backends_parse ("reference", error);
  const char *const models[] = {RESOURCES "/models", NULL};
  const char *const protocols[] = {RESOURCES "/protocols", NULL};
  const GonioPipelineOptions options = {
      .backends = backends, .model_dirs = models, .protocol_dirs = protocols};
  return gonio_pipeline_new (&options, error);
}

static gint undecided; /* atomic; TRUE: which backend is taken is never decided */

static GPtrArray *
list_backends (gboolean decide, GCancellable *cancellable)
{
  g_assert_true (g_thread_self () != main_thread);
  while (decide && g_atomic_int_get (&undecided) && !g_cancellable_is_cancelled (cancellable))
    g_usleep (500);
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_engine_backend_free);
  GonioEngineBackend *backend = g_new0 (GonioEngineBackend, 1);
  backend->name = g_strdup ("slow");
  backend->device = g_strdup ("an abacus");
  backend->decided = decide;
  g_ptr_array_add (list, backend);
  return list;
}

static const GonioEngineSource source = {list_backends, open_pipeline, open_at_once};

static void
count_change (GonioEngine *engine, guint *changes)
{
  (*changes)++;
}

static void
wait_ready (GonioEngine *engine)
{
  while (!gonio_engine_is_ready (engine))
    g_main_context_iteration (NULL, TRUE);
}

static GSettings *
settings_in (const char *path)
{
  g_autoptr (GSettingsBackend) backend = path != NULL
                                             ? g_keyfile_settings_backend_new (path, "/", NULL)
                                             : g_memory_settings_backend_new ();
  return g_settings_new_with_backend ("org.gonio.Gonio", backend);
}

/* ---- the engine ---- */

static void
test_first (void)
{
  guint changes = 0;
  g_mutex_lock (&gate);
  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, NULL);
  g_signal_connect (engine, "changed", G_CALLBACK (count_change), &changes);
  g_assert_false (gonio_engine_is_ready (engine));
  g_assert_false (gonio_engine_is_persistent (engine));
  g_assert_null (gonio_engine_get_pipeline (engine));
  g_assert_null (gonio_engine_get_backends (engine));
  g_assert_cmpstr (gonio_engine_get_backend (engine), ==, GONIO_ENGINE_AUTO);
  gonio_engine_look_at_backends (engine);
  g_mutex_unlock (&gate);
  wait_ready (engine);
  g_assert_cmpuint (changes, >=, 1);
  g_assert_nonnull (gonio_engine_get_pipeline (engine));
  g_assert_null (gonio_engine_get_error (engine));
  while (gonio_engine_get_backends (engine) == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (gonio_engine_get_backends (engine)->len, ==, 1);
  while (!((GonioEngineBackend *)gonio_engine_get_backends (engine)->pdata[0])->decided)
    g_main_context_iteration (NULL, TRUE);
  gonio_engine_shut_down (engine);
}

/* Where the first pipeline takes long, another serves until it is there. */
static void
test_patience (void)
{
  g_mutex_lock (&gate);
  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, NULL);
  wait_ready (engine);
  g_assert_cmpint (g_atomic_int_get (&served), ==, 1);
  g_assert_true (gonio_engine_is_busy (engine));
  GonioPipeline *serving = gonio_engine_get_pipeline (engine);
  g_assert_nonnull (serving);
  g_mutex_unlock (&gate);
  while (gonio_engine_is_busy (engine))
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (gonio_engine_get_pipeline (engine) != serving);
  g_assert_true (gonio_engine_is_ready (engine));
  /* A change of settings is waited for. */
  gonio_engine_set_backend (engine, "slow");
  g_assert_false (gonio_engine_is_ready (engine));
  g_assert_null (gonio_engine_get_note (engine));
  wait_ready (engine);
  g_assert_cmpstr (gonio_engine_get_note (engine), ==, "it is slow");
  gonio_engine_set_backend (engine, GONIO_ENGINE_AUTO);
  wait_ready (engine);
  g_assert_null (gonio_engine_get_note (engine));
  g_assert_cmpint (g_atomic_int_get (&served), ==, 1);
  gonio_engine_shut_down (engine);
}

/* Of changes in a row the last counts; what is passed over is not opened. */
static void
test_last_change (void)
{
  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, NULL);
  wait_ready (engine);
  GonioPipeline *first = gonio_pipeline_ref (gonio_engine_get_pipeline (engine));
  memset (asked, 0, sizeof asked);
  g_mutex_lock (&gate);
  gonio_engine_set_backend (engine, "slow");
  g_usleep (20000); /* the worker is at the gate */
  gonio_engine_set_backend (engine, "broken");
  gonio_engine_set_backend (engine, "other");
  gonio_engine_set_precision (engine, GONIO_PRECISION_FP16);
  gonio_engine_set_precision (engine, GONIO_PRECISION_FP16);
  g_assert_false (gonio_engine_is_ready (engine));
  g_assert_true (gonio_engine_get_pipeline (engine) == first);
  g_mutex_unlock (&gate);
  wait_ready (engine);
  g_assert_cmpint (asked[GONIO_PRECISION_FP32][letter ("slow")], <=, 1);
  g_assert_cmpint (asked[GONIO_PRECISION_FP32][letter ("broken")], ==, 0);
  g_assert_cmpint (asked[GONIO_PRECISION_FP32][letter ("other")], ==, 0);
  g_assert_cmpint (asked[GONIO_PRECISION_FP16][letter ("other")], ==, 1);
  g_assert_true (gonio_engine_get_pipeline (engine) != first);
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioPipelineOutput) output = gonio_pipeline_measure (
      gonio_engine_get_pipeline (engine), SAMPLE, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (output->result->backend_choice, ==, "other");
  g_assert_cmpstr (output->result->precision, ==, "fp16");
  gonio_pipeline_unref (first);
  gonio_engine_shut_down (engine);
}

/* What measured before goes on when what is asked for cannot be had. */
static void
test_failure (void)
{
  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, NULL);
  wait_ready (engine);
  GonioPipeline *first = gonio_engine_get_pipeline (engine);
  gonio_engine_set_backend (engine, "broken");
  g_assert_null (gonio_engine_get_error (engine));
  wait_ready (engine);
  g_assert_cmpstr (gonio_engine_get_error (engine), ==, "the card is gone");
  g_assert_true (gonio_engine_get_pipeline (engine) == first);
  gonio_engine_set_backend (engine, GONIO_ENGINE_AUTO);
  wait_ready (engine);
  g_assert_null (gonio_engine_get_error (engine));
  g_assert_nonnull (gonio_engine_get_pipeline (engine));
}

static void
wait_begun (int before)
{
  while (g_atomic_int_get (&begun) == before)
    g_usleep (500);
}

/* What nobody waits for any more is given up: other settings, the end. */
static void
test_cancelled (void)
{
  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, NULL);
  wait_ready (engine);
  int before = g_atomic_int_get (&begun);
  gonio_engine_set_backend (engine, "endless");
  wait_begun (before);
  gonio_engine_set_backend (engine, "slow");
  wait_ready (engine);
  g_assert_cmpstr (gonio_engine_get_note (engine), ==, "it is slow");
  before = g_atomic_int_get (&begun);
  gonio_engine_set_backend (engine, "endless");
  wait_begun (before);
  gonio_engine_shut_down (engine);

  g_autoptr (GonioEngine) other = gonio_engine_new (&source, NULL);
  wait_ready (other);
  g_atomic_int_set (&undecided, TRUE);
  gonio_engine_look_at_backends (other);
  while (gonio_engine_get_backends (other) == NULL)
    g_main_context_iteration (NULL, TRUE);
  gonio_engine_shut_down (other);
  g_atomic_int_set (&undecided, FALSE);
}

static void
test_settings (void)
{
  g_autofree char *folder = g_dir_make_tmp ("gonio-engine-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "keyfile", NULL);
  for (int run = 0; run < 2; run++) {
    g_autoptr (GSettings) settings = settings_in (path);
    g_autoptr (GonioEngine) engine = gonio_engine_new (&source, settings);
    g_assert_true (gonio_engine_is_persistent (engine));
    g_assert_cmpstr (gonio_engine_get_backend (engine), ==, run == 0 ? "auto" : "slow");
    g_assert_cmpint (gonio_engine_get_precision (engine), ==,
                     run == 0 ? GONIO_PRECISION_FP32 : GONIO_PRECISION_FP16);
    gonio_engine_set_backend (engine, "slow");
    gonio_engine_set_precision (engine, GONIO_PRECISION_FP16);
    gonio_engine_shut_down (engine);
    g_settings_sync ();
  }
  /* What a person may have written there. */
  g_assert_true (
      g_file_set_contents (path, "[org/gonio/Gonio]\nbackend=''\nprecision='fp8'\n", -1, NULL));
  g_autoptr (GSettings) settings = settings_in (path);
  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, settings);
  g_assert_cmpstr (gonio_engine_get_backend (engine), ==, GONIO_ENGINE_AUTO);
  g_assert_cmpint (gonio_engine_get_precision (engine), ==, GONIO_PRECISION_FP32);
  /* Changed from elsewhere. */
  wait_ready (engine);
  g_settings_set_string (settings, "backend", "slow");
  g_assert_cmpstr (gonio_engine_get_backend (engine), ==, "slow");
  g_assert_false (gonio_engine_is_ready (engine));
  wait_ready (engine);
  gonio_engine_shut_down (engine);
  g_settings_sync ();
  g_remove (path);
  g_rmdir (folder);
}

static gint gate_held;      /* atomic */
static GSource *ends_first; /* atomic; the engine's, which its end takes away */

/* Until the engine has begun to shut down. */
static gpointer
hold_gate (gpointer data)
{
  g_mutex_lock (&gate);
  g_atomic_int_set (&gate_held, TRUE);
  while (g_atomic_pointer_get (&ends_first) == NULL)
    g_usleep (500);
  while (!g_source_is_destroyed (ends_first))
    g_usleep (500);
  g_mutex_unlock (&gate);
  return NULL;
}

/* Nothing is told after the end, and nothing begun. */
static void
test_shut_down (void)
{
  guint changes = 0;
  memset (asked, 0, sizeof asked);
  const int before = g_atomic_int_get (&opened), begun_before = g_atomic_int_get (&begun);
  GThread *holder = g_thread_new ("gate", hold_gate, NULL);
  while (!g_atomic_int_get (&gate_held))
    g_usleep (500);
  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, NULL);
  GSource *patience = g_main_context_find_source_by_user_data (NULL, engine);
  g_assert_nonnull (patience);
  while (g_atomic_int_get (&begun) == begun_before)
    g_usleep (500);
  gonio_engine_set_backend (engine, "slow");
  g_signal_connect (engine, "changed", G_CALLBACK (count_change), &changes);
  g_atomic_pointer_set (&ends_first, g_source_ref (patience));
  gonio_engine_shut_down (engine);
  g_thread_join (holder);
  g_source_unref (patience);
  g_assert_cmpint (g_atomic_int_get (&opened), ==, before + 1);
  g_assert_cmpint (asked[GONIO_PRECISION_FP32][letter ("slow")], ==, 0);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (changes, ==, 0);
  g_assert_null (gonio_engine_get_pipeline (engine));
  gonio_engine_look_at_backends (engine); /* asked too late */
  gonio_engine_set_backend (engine, "other");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_null (gonio_engine_get_backends (engine));
}

/* ---- the queue ---- */

static GonioItem *
new_item (void)
{
  g_autoptr (GFile) file = g_file_new_for_path (SAMPLE);
  return gonio_item_new (file);
}

static void
wait_idle (GonioQueue *queue)
{
  while (gonio_queue_is_busy (queue))
    g_main_context_iteration (NULL, TRUE);
}

static void
check_thread (GonioQueue *queue, gpointer data)
{
  g_assert_true (g_thread_self () == main_thread);
}

/* Pictures wait for a pipeline; the running one keeps its own, the next takes the new one. */
static void
test_queue (void)
{
  g_autoptr (GonioQueue) queue = gonio_queue_new ();
  g_autoptr (GonioItem) first = new_item (), second = new_item (), third = new_item ();
  memset (asked, 0, sizeof asked);
  g_signal_connect (queue, "progress", G_CALLBACK (check_thread), NULL);
  gonio_queue_add (queue, first, FALSE);
  gonio_queue_add (queue, second, FALSE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (gonio_item_get_state (first), ==, GONIO_STATE_QUEUED);

  g_autoptr (GonioEngine) engine = gonio_engine_new (&source, NULL);
  wait_ready (engine);
  gonio_queue_set_pipeline (queue, gonio_engine_get_pipeline (engine), NULL);
  g_assert_cmpint (gonio_item_get_state (first), ==, GONIO_STATE_WORKING);
  g_usleep (50000); /* the worker reports while nobody is in the main loop */
  gonio_engine_set_backend (engine, "slow");
  gonio_queue_set_pipeline (queue, NULL, NULL);
  wait_ready (engine); /* the first is measured meanwhile, and the engine's old pipeline closed */
  while (gonio_item_get_result (first) == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (gonio_item_get_state (second), ==, GONIO_STATE_QUEUED);
  gonio_queue_set_pipeline (queue, gonio_engine_get_pipeline (engine), NULL);
  wait_idle (queue);
  g_assert_cmpstr (gonio_item_get_result (first)->backend_choice, ==, "auto");
  g_assert_cmpstr (gonio_item_get_result (second)->backend_choice, ==, "slow");

  gonio_queue_set_pipeline (queue, NULL, NULL);
  gonio_queue_add (queue, third, FALSE);
  gonio_queue_set_pipeline (queue, NULL, "no model was found");
  g_assert_false (gonio_queue_is_busy (queue));
  g_assert_cmpint (gonio_item_get_state (third), ==, GONIO_STATE_FAILED);
  g_assert_cmpstr (gonio_item_get_message (third), ==, "no model was found");
  gonio_queue_add (queue, third, TRUE);
  g_assert_cmpint (gonio_item_get_state (third), ==, GONIO_STATE_FAILED);
  gonio_engine_shut_down (engine);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  main_thread = g_thread_self ();
  g_test_add_func ("/engine/first", test_first);
  g_test_add_func ("/engine/patience", test_patience);
  g_test_add_func ("/engine/last-change", test_last_change);
  g_test_add_func ("/engine/failure", test_failure);
  g_test_add_func ("/engine/cancelled", test_cancelled);
  g_test_add_func ("/engine/settings", test_settings);
  g_test_add_func ("/engine/shut-down", test_shut_down);
  g_test_add_func ("/engine/queue", test_queue);
  return g_test_run ();
}
