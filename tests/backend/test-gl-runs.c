/* How the OpenGL backends run: threads, cancelling, loss, programs on disk. The argument names the
 * backend. */
#include "backends/gl/common/program.h"
#include "backends/gl/compute/compute.h"
#include "core/base/error.h"
#include "core/ops/op.h"
#include "tests/backend/gl-test.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the context ---- */

typedef struct {
  guint32 seed;
  GonioSession *session;
} Runner;

static gboolean islands_go;

/* Four convolutions; strict on the tested backend alone, or with the reference behind it. */
static GonioSession *
new_session (const GonioBackendDef *const *backends, GError **error)
{
  GonioGraph *graph = gonio_graph_new ("small");
  GonioShape shape = GONIO_SHAPE (1, 8, 16, 16), weights = GONIO_SHAPE (8, 8, 3, 3);
  GonioSymShape sym = gonio_sym_shape_from_shape (&shape);
  GonioValueId x = gonio_graph_add_input (graph, "x", GONIO_DTYPE_FLOAT, &sym);
  for (int i = 0; i < 4; i++) {
    g_autoptr (GonioTensor) w = gonio_tensor_new_zeroed (GONIO_DTYPE_FLOAT, &weights, NULL);
    float *data = gonio_tensor_writable_data (w);
    for (int64_t k = 0; k < gonio_tensor_count (w); k++)
      data[k] = (float)((k * 7 + i) % 11 - 5) / 30;
    GonioValueId inputs[2] = {x, gonio_graph_add_constant (graph, NULL, w)};
    x = gonio_graph_add_value (graph, NULL, GONIO_DTYPE_NONE, &(GonioSymShape){0});
    GonioNodeId node = gonio_graph_add_node (graph, GONIO_OP_CONV, NULL, inputs, 2, &x, 1);
    gonio_graph_set_attr_ints (graph, node, "pads", (int64_t[]){1, 1, 1, 1}, 4);
  }
  gonio_graph_add_output (graph, x);
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  options.backends = backends;
  options.strict = backends == gl_test_alone;
  options.keep_islands = !islands_go;
  options.log_level = G_LOG_LEVEL_ERROR; /* a loss is expected */
  g_assert_true (gonio_infer_graph (graph, error));
  return gonio_session_new_from_graph (graph, &options, NULL, error);
}

static GonioSession *
small_session (GError **error)
{
  return new_session (gl_test_alone, error);
}

static GonioTensor **
run_small (GonioSession *session, float value, GCancellable *cancellable, GError **error)
{
  GonioShape shape = GONIO_SHAPE (1, 8, 16, 16);
  g_autoptr (GonioTensor) x = gonio_tensor_new (GONIO_DTYPE_FLOAT, &shape, NULL);
  float *data = gonio_tensor_writable_data (x);
  const char *name = "x";
  GonioTensor **outputs = NULL;
  for (int64_t i = 0; i < gonio_tensor_count (x); i++)
    data[i] = value * (float)(i % 13);
  gonio_session_run (session, &name, &x, 1, &outputs, cancellable, error);
  return outputs;
}

static gpointer
run_often (gpointer data)
{
  const Runner *runner = data;
  for (int i = 0; i < 20; i++) {
    g_autoptr (GError) error = NULL;
    GonioTensor **a = run_small (runner->session, (float)runner->seed, NULL, &error);
    g_assert_no_error (error);
    GonioTensor **b = run_small (runner->session, (float)runner->seed, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpmem (gonio_tensor_data (a[0]), gonio_tensor_size (a[0]), gonio_tensor_data (b[0]),
                     gonio_tensor_size (b[0]));
    gonio_session_free_outputs (a, 1);
    gonio_session_free_outputs (b, 1);
  }
  return NULL;
}

/* Runs of one session from several threads, and a second session beside it. */
static void
test_threads (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) one = small_session (&error);
  g_assert_no_error (error);
  g_autoptr (GonioSession) two = small_session (&error);
  g_assert_no_error (error);
  Runner runners[3] = {{1, one}, {2, one}, {3, two}};
  GThread *threads[3];
  for (int i = 0; i < 3; i++)
    threads[i] = g_thread_new ("runner", run_often, &runners[i]);
  for (int i = 0; i < 3; i++)
    g_thread_join (threads[i]);
}

static gpointer
cancel_soon (GCancellable *cancellable)
{
  g_usleep (g_random_int_range (0, 3000));
  g_cancellable_cancel (cancellable);
  return NULL;
}

static void
test_cancelled (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = small_session (&error);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_cancellable_cancel (cancellable);
  g_assert_null (run_small (session, 1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

/* What is lost says so at once; who asks anew gets a context that works. */
static void
test_lost (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) session = small_session (&error);
  g_assert_no_error (error);
  GonioGlContext *context = gonio_gl_context_acquire (&error);
  g_assert_no_error (error);
  gonio_gl_context_lose (context, "taken away by a test");
  g_assert_true (gonio_gl_context_is_lost (context));
  gonio_gl_context_unref (context);
  for (int i = 0; i < 2; i++) {
    g_assert_null (run_small (session, 1, NULL, &error));
    g_assert_error (error, GONIO_BACKEND_ERROR, GONIO_BACKEND_ERROR_LOST);
    g_assert_nonnull (strstr (error->message, "taken away by a test"));
    g_clear_error (&error);
  }
  g_autoptr (GonioSession) fresh = small_session (&error);
  g_assert_no_error (error);
  GonioTensor **outputs = run_small (fresh, 1, NULL, &error);
  g_assert_no_error (error);
  gonio_session_free_outputs (outputs, 1);
}

/* ---- loss in the middle ---- */

typedef struct {
  GonioSession *session;
  const GonioTensor *wanted;
  int runs; /* atomic */
} Losing;

static gpointer
run_until_lost (gpointer data)
{
  Losing *losing = data;
  for (int i = 0; i < 40; i++) {
    g_autoptr (GError) error = NULL;
    GonioTensor **outputs = run_small (losing->session, 1, NULL, &error);
    g_assert_no_error (error);
    for (int64_t k = 0; k < gonio_tensor_count (losing->wanted); k++)
      g_assert_cmpfloat_with_epsilon (gonio_tensor_get_double (outputs[0], k),
                                      gonio_tensor_get_double (losing->wanted, k), 1e-4);
    gonio_session_free_outputs (outputs, 1);
    g_atomic_int_inc (&losing->runs);
  }
  return NULL;
}

/* Whenever it happens, every run ends with the right result, and the reason is told. */
static void
test_lost_between (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioSession) oracle = new_session (gl_test_reference, &error);
  GonioTensor **wanted = run_small (oracle, 1, NULL, &error);
  g_assert_no_error (error);
  for (int round = 0; round < 8; round++) {
    g_autoptr (GonioSession) session = new_session (gl_test_backed, &error);
    g_assert_no_error (error);
    g_assert_null (gonio_session_dup_fallbacks (session));
    Losing losing = {session, wanted[0], 0};
    GThread *threads[2];
    for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
      threads[i] = g_thread_new ("run", run_until_lost, &losing);
    GonioGlContext *context = gonio_gl_context_acquire (&error);
    while (g_atomic_int_get (&losing.runs) < 2 + round)
      g_usleep (50);
    g_usleep ((gulong)round * 97);
    gonio_gl_context_lose (context, "taken away by a test");
    gonio_gl_context_unref (context);
    for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
      g_thread_join (threads[i]);
    GonioTensor **after = run_small (session, 1, NULL, &error); /* if none was left to meet it */
    g_assert_no_error (error);
    gonio_session_free_outputs (after, 1);
    g_autofree char *words = gonio_session_dup_fallbacks (session);
    g_assert_nonnull (words);
    g_assert_true (g_str_has_prefix (words, gl_test_alone[0]->name));
    g_assert_nonnull (strstr (words, "taken away by a test"));
    g_autofree char *placement = gonio_session_dup_placement_summary (session);
    g_assert_cmpstr (placement, ==, "reference 4 nodes");
  }
  gonio_session_free_outputs (wanted, 1);
}

/* What is done sooner than it is sent to a card is not sent. */
static void
test_island (void)
{
  g_autoptr (GError) error = NULL;
  islands_go = TRUE;
  g_autoptr (GonioSession) session = new_session (gl_test_backed, &error);
  islands_go = FALSE;
  g_assert_no_error (error);
  g_autoptr (GPtrArray) report = gonio_session_dup_report (session);
  g_assert_cmpuint (report->len, ==, 4);
  const GonioPlacement *row = g_ptr_array_index (report, 0);
  g_assert_cmpstr (row->backend, ==, "reference");
  g_assert_nonnull (strstr (row->reason, "island of 4 nodes"));
}

/* ---- memory ---- */

static gint64
resident_bytes (void)
{
  g_autofree char *text = NULL;
  gint64 size = 0, resident = 0;
  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL) &&
      sscanf (text, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT, &size, &resident) == 2)
    return resident * sysconf (_SC_PAGESIZE);
  return 0;
}

/* 1,000 runs, some of them given up on their way, take no more than the first ones. */
static void
test_flat_memory (void)
{
  g_autoptr (GError) error = NULL;
  GonioGlContext *context = gonio_gl_context_acquire (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (gonio_gl_context_used_memory (context), ==, 0);
  g_autoptr (GonioSession) session = small_session (&error);
  size_t used = 0;
  gint64 resident = 0;
  for (int i = 0; i < 1000; i++) {
    g_autoptr (GCancellable) cancellable = i % 10 == 9 ? g_cancellable_new () : NULL;
    GThread *canceller = NULL;
    if (cancellable)
      canceller = g_thread_new ("cancel", (GThreadFunc)cancel_soon, cancellable);
    GonioTensor **outputs = run_small (session, 1, cancellable, &error);
    if (canceller)
      g_thread_join (canceller);
    if (error)
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    g_clear_error (&error);
    gonio_session_free_outputs (outputs, 1);
    if (i == 200) {
      used = gonio_gl_context_used_memory (context);
      resident = resident_bytes ();
    }
  }
  g_assert_cmpuint (gonio_gl_context_used_memory (context), ==, used);
  g_test_message ("%" G_GSIZE_FORMAT " bytes on the card, %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT
                  " bytes of the process",
                  used, resident, resident_bytes ());
#if !defined(__SANITIZE_ADDRESS__) /* which keeps what is freed */
  g_assert_cmpint (resident_bytes () - resident, <, 2 << 20);
#endif

  /* Sessions that take turns share what they work in; what is left over goes with the last. */
  g_autoptr (GonioSession) second = small_session (&error);
  GonioTensor **outputs = run_small (second, 1, NULL, &error);
  gonio_session_free_outputs (outputs, 1);
  g_assert_cmpuint (gonio_gl_context_used_memory (context), <, 2 * used);
  g_clear_pointer (&session, gonio_session_unref);
  g_clear_pointer (&second, gonio_session_unref);
  g_assert_cmpuint (gonio_gl_context_used_memory (context), ==, 0);
  gonio_gl_context_unref (context);
}

/* What the card has no room for runs elsewhere. */
static void
test_no_room (void)
{
  g_autoptr (GError) error = NULL;
  GonioGlContext *context = gonio_gl_context_acquire (&error);
  gonio_gl_context_limit_memory (context, 4096);
  g_assert_null (small_session (&error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
  g_clear_error (&error);
  g_autoptr (GonioSession) session = new_session (gl_test_backed, &error);
  g_assert_no_error (error);
  GonioTensor **outputs = run_small (session, 1, NULL, &error);
  g_assert_no_error (error);
  gonio_session_free_outputs (outputs, 1);
  g_autofree char *words = gonio_session_dup_fallbacks (session);
  g_assert_nonnull (words);
  g_assert_nonnull (strstr (words, "memory of the graphics card"));
  g_assert_cmpuint (gonio_gl_context_used_memory (context), ==, 0);
  gonio_gl_context_unref (context);
}

/* ---- programs on disk ---- */

typedef struct {
  const char *folder, *prologue;
  GonioGlProgramCounts counts;
} Disk;

static gboolean
get_program (GonioGlContext *context, gpointer data, GError **error)
{
  Disk *disk = data;
  GonioGlPrograms *programs = gonio_gl_programs_new (context, disk->prologue, disk->folder);
  const GonioGlProgram *program =
      gonio_gl_programs_get (programs, "chain.glsl", 1, 0, "STAGES DO (in0 (i) + 3.0)", error);
  gonio_gl_programs_count (programs, &disk->counts);
  gboolean good = program && gonio_gl_context_check (context, "a program", error);
  gonio_gl_programs_free (programs);
  return good;
}

/* Kept for the next start; what was spoilt is made anew. */
static void
test_disk (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("gonio-gl-XXXXXX", &error);
  GonioGlContext *context = gonio_gl_context_acquire (&error);
  g_assert_no_error (error);
  Disk disk = {.folder = folder,
               .prologue = gl_test_alone[0] == &gonio_backend_gl_compute ? "compute.glsl"
                                                                         : "fragment.glsl"};
  static const GonioGlProgramCounts wanted[] = {{1, 0, 0}, {0, 1, 0}, {1, 0, 1}, {0, 1, 0}};
  for (guint i = 0; i < G_N_ELEMENTS (wanted) && gonio_gl_context_limits (context)->binaries; i++) {
    if (i == 2) {
      g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
      g_autofree char *path = g_build_filename (folder, g_dir_read_name (dir), NULL), *bytes = NULL;
      gsize length;
      g_assert_true (g_file_get_contents (path, &bytes, &length, NULL));
      bytes[20] ^= 1; /* of the checksum: a driver may look at what follows itself */
      g_assert_true (g_file_set_contents (path, bytes, (gssize)length, NULL));
    }
    g_assert_true (gonio_gl_context_call (context, get_program, &disk, &error));
    g_assert_no_error (error);
    g_assert_cmpmem (&disk.counts, sizeof disk.counts, &wanted[i], sizeof wanted[i]);
  }
  gonio_gl_context_unref (context);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir));) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_remove (path);
  }
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  if (!gl_test_begin (&argc, &argv))
    return GL_TEST_SKIPPED;
  g_test_add_func ("/gl/threads", test_threads);
  g_test_add_func ("/gl/cancelled", test_cancelled);
  g_test_add_func ("/gl/lost", test_lost);
  g_test_add_func ("/gl/lost-between", test_lost_between);
  g_test_add_func ("/gl/island", test_island);
  g_test_add_func ("/gl/flat-memory", test_flat_memory);
  g_test_add_func ("/gl/no-room", test_no_room);
  g_test_add_func ("/gl/disk", test_disk);
  return g_test_run ();
}
