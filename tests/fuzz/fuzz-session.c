/* Whatever the model: building a session and running it on inputs of its own ports ends in
 * outputs or an error, and soon after it is cancelled, wherever it is.
 *
 * The bytes are the model; a sum of them chooses backends, threads, level and what the inputs
 * hold. Blocks of more than 64 MiB cannot be had (__asan_default_options): what only asks for
 * memory is refused at once. */
#include "app/backends.h"
#include "core/onnx/load.h"
#include "core/session/session.h"
#include "tests/fuzz/fail.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
__attribute__ ((visibility ("default"))) const char *__asan_default_options (void);

#define CANCEL_AFTER_US (300 * 1000)
#define MUST_END_US     (8 * G_USEC_PER_SEC) /* sanitized, on a busy machine */
#define MAX_ELEMENTS    4096                 /* of one input */

const char *
__asan_default_options (void)
{
  return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

/* ---- the one who cancels ---- */

static GMutex lock;
static GCond changed;
static GCancellable *watched; /* nullable */
static gint64 cancel_at;

static gpointer
watch (gpointer data)
{
  g_mutex_lock (&lock);
  for (;;) {
    if (!watched)
      g_cond_wait (&changed, &lock);
    else if (g_get_monotonic_time () >= cancel_at)
      g_cancellable_cancel (g_steal_pointer (&watched));
    else
      g_cond_wait_until (&changed, &lock, cancel_at);
  }
  return NULL;
}

static void
set_watched (GCancellable *cancellable)
{
  static gsize started;

  if (g_once_init_enter (&started)) {
    g_thread_unref (g_thread_new ("watch", watch, NULL));
    g_once_init_leave (&started, 1);
  }
  g_mutex_lock (&lock);
  watched = cancellable;
  cancel_at = g_get_monotonic_time () + CANCEL_AFTER_US;
  g_cond_signal (&changed);
  g_mutex_unlock (&lock);
}

/* ---- inputs ---- */

static guint32
next (guint32 *random)
{
  *random = *random * 1664525u + 1013904223u;
  return *random >> 16;
}

static void
fill (GonioTensor *tensor, guint32 *random)
{
  static const char *const words[] = {"", "a", "b c", "\xc3\xa9t\xc3\xa9", "12"};
  GonioDType dtype = gonio_tensor_dtype (tensor);
  uint8_t *data = gonio_tensor_writable_data (tensor);
  int64_t count = gonio_tensor_count (tensor);
  size_t size = gonio_tensor_size (tensor), width = count > 0 ? size / (size_t)count : 0;

  if (dtype == GONIO_DTYPE_STRING) {
    for (int64_t i = 0; i < count; i++)
      if (!gonio_tensor_set_string (tensor, i, words[next (random) % G_N_ELEMENTS (words)], NULL))
        return;
    return;
  }
  if (dtype == GONIO_DTYPE_FLOAT) {
    for (int64_t i = 0; i < count; i++)
      ((float *)(void *)data)[i] = (float)(next (random) % 1000) / 250 - 2;
    return;
  }
  /* Small numbers: sizes, indices and truth values that mean something. */
  gboolean small = gonio_dtype_is_integer (dtype) || dtype == GONIO_DTYPE_BOOL;
  for (size_t i = 0; i < size; i++)
    data[i] = !small                      ? (uint8_t)next (random)
              : width > 1 && i % width    ? 0
              : dtype == GONIO_DTYPE_BOOL ? next (random) & 1
                                          : next (random) % 4;
}

/* Free dimensions of the same name are alike. NULL when it would be too large. */
static GonioTensor *
make_input (const GonioPort *port, guint32 *random)
{
  GonioShape shape = {.rank = port->shape.has_rank ? port->shape.rank : 1};
  int64_t count = 0;

  for (int d = 0; d < shape.rank; d++) {
    const GonioDim *dim = &port->shape.dims[d];
    gboolean open = !port->shape.has_rank || dim->value < 0;
    shape.dims[d] = !open                                 ? dim->value
                    : port->shape.has_rank && dim->symbol ? 1 + g_str_hash (dim->symbol) % 4
                                                          : 1 + next (random) % 4;
  }
  if (!gonio_shape_count (&shape, &count) || count > MAX_ELEMENTS)
    return NULL;
  GonioDType dtype = port->dtype == GONIO_DTYPE_NONE ? GONIO_DTYPE_FLOAT : port->dtype;
  g_autoptr (GonioTensor) tensor = gonio_tensor_new_zeroed (dtype, &shape, NULL);
  if (!tensor)
    return NULL;
  fill (tensor, random);
  if (port->kind == GONIO_KIND_TENSOR)
    return g_steal_pointer (&tensor);
  g_autoptr (GonioTensor) list = NULL;
  if (port->kind == GONIO_KIND_OPTIONAL_SEQUENCE)
    list = gonio_list_new (GONIO_KIND_SEQUENCE, dtype, &tensor, 1, NULL);
  return gonio_list_new (port->kind, dtype, list ? &list : &tensor, next (random) % 2, NULL);
}

/* ---- one run ---- */

static void
run (GonioSession *session, guint32 random, GCancellable *cancellable)
{
  guint n = 0, n_outputs = 0, made = 0;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  g_autofree GonioTensor **inputs = g_new0 (GonioTensor *, n + 1);
  g_autofree const char **names = g_new0 (const char *, n + 1);
  GonioTensor **outputs = NULL;

  for (; made < n; made++) {
    names[made] = ports[made].name;
    inputs[made] = make_input (&ports[made], &random);
    if (!inputs[made])
      break;
  }
  for (guint round = 0; made == n && round < 2; round++) {
    g_autoptr (GError) error = NULL;
    gboolean ok = gonio_session_run (session, names, inputs, n, &outputs, cancellable, &error);
    g_assert_true (ok == (error == NULL));
    gonio_session_outputs (session, &n_outputs);
    for (guint i = 0; ok && i < n_outputs; i++)
      g_assert_nonnull (outputs[i]);
    if (ok)
      gonio_session_free_outputs (outputs, n_outputs);
  }
  for (guint i = 0; i < made; i++)
    gonio_tensor_unref (inputs[i]);
}

static void
build_and_run (GonioGraph *graph, guint32 random, GCancellable *cancellable)
{
  g_autofree const GonioBackendDef **all = gonio_backends_host ();
  GonioSessionOptions options = GONIO_SESSION_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;

  options.backends = all;
  while (next (&random) % 4 == 0 && options.backends[1])
    options.backends++; /* the last one alone */
  options.threads = 1 + next (&random) % 2;
  options.optimization = next (&random) % 2 ? GONIO_OPT_ALL : next (&random) % 4;
  options.expose_all = next (&random) % 4 == 0;
  options.check_values = next (&random) % 8 == 0;
  options.profile = next (&random) % 8 == 0;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (gonio_graph_ref (graph), &options, cancellable, &error);
  g_assert_true ((session == NULL) == (error != NULL));
  if (session)
    run (session, random, cancellable);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const GonioLoadLimits limits = {.max_tensor_bytes = (size_t)16 << 20, .max_nodes = 5000};
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_autoptr (GonioGraph) graph = gonio_onnx_load_bytes (bytes, NULL, &limits, NULL);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  guint32 random = g_bytes_hash (bytes);

  if (!graph)
    return 0;
  gint64 start = g_get_monotonic_time ();
  set_watched (cancellable);
  build_and_run (graph, random, cancellable);
  set_watched (NULL);
  gint64 taken = g_get_monotonic_time () - start;
  if (taken > CANCEL_AFTER_US + MUST_END_US)
    fuzz_fail ("cancelled after %d ms, but it ended only after %d", CANCEL_AFTER_US / 1000,
               (int)(taken / 1000));
  return 0;
}
