/* Random valid graphs give the same numbers whoever computes them: the reference backend alone
 * and without passes is the measure; the cpu backend, or the one that GONIO_FUZZ_BACKEND names with
 * the cpu behind it, and every level of passes are compared.
 *
 * Integers and truth values must be the same, floats within 1e-4 of the largest magnitude (halves
 * within 1e-2). Where a float differs by more, the noisy twin of the graph says how much of it
 * rounding explains. Without libFuzzer a fixed number of pseudo-random graphs is compared. */
#include "backends/reference/reference.h"
#include "core/session/session.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/random-graph.h"
#ifdef GONIO_BACKEND_CPU
#include "backends/cpu/cpu.h"
#endif
#ifdef GONIO_BACKEND_GL
#include "backends/gl/compute/compute.h"
#include "backends/gl/fragment/fragment.h"
#endif

#include <float.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
void gonio_fuzz_more (void);

static const GonioBackendDef *const reference[] = {&gonio_backend_reference, NULL};
static const GonioBackendDef *const on_cards[] = {
#ifdef GONIO_BACKEND_GL
    &gonio_backend_gl_compute,
    &gonio_backend_gl_fragment,
#endif
    NULL,
};
static const GonioBackendDef *all[] = {
    NULL, /* the one that is named */
#ifdef GONIO_BACKEND_CPU
    &gonio_backend_cpu,
#endif
    &gonio_backend_reference,
    NULL,
};

static struct {
  guint graphs, values, excused, unlike; /* unlike: neither ran */
  guint nodes, refused;
} seen;

typedef struct {
  GonioTensor **outputs; /* NULL when it failed */
  guint n;
  GError *error;
} Result;

static void
result_clear (Result *r)
{
  if (r->outputs)
    gonio_session_free_outputs (r->outputs, r->n);
  g_clear_error (&r->error);
  r->outputs = NULL;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Result, result_clear)

/* ---- running ---- */

/* Some dimensions of the inputs become names, and what was inferred from them is forgotten. */
static void
forget_shapes (GonioGraph *graph, guint which)
{
  static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G", "H"};
  guint n = 0;
  const GonioValueId *ids = gonio_graph_inputs (graph, &n);

  for (guint i = 0; i < n; i++) {
    GonioSymShape shape = gonio_graph_value (graph, ids[i])->shape;
    for (int d = 0; d < shape.rank; d++)
      if ((which + i + (guint)d) % 3 == 0)
        shape.dims[d] = (GonioDim){-1, g_intern_string (names[(i + (guint)d) % 8])};
    gonio_graph_set_shape (graph, ids[i], &shape);
  }
  for (GonioValueId id = 0; id < gonio_graph_n_values (graph); id++) {
    if (gonio_graph_value (graph, id)->producer == GONIO_NODE_NONE)
      continue;
    gonio_graph_set_shape (graph, id, &(GonioSymShape){0});
    gonio_graph_set_partial (graph, id, NULL, 0);
  }
}

static void
run (const RandomGraph *g, const GonioBackendDef *const *backends, GonioOptLevel level,
     guint config, Result *out)
{
  GonioSessionOptions options = {
      .backends = backends, .optimization = level, .threads = 1 + config % 2, .keep_islands = TRUE};
  const char *names[RANDOM_MAX_INPUTS];
  GonioGraph *graph = gonio_graph_clone (g->graph);

  /* Names that stand for different sizes would be refused, so each input has its own. */
  if (g->n_inputs == 1 && config % 3 == 0)
    forget_shapes (graph, config);
  for (guint i = 0; i < g->n_inputs; i++)
    names[i] = g->names[i];
  g_autoptr (GonioSession) session =
      gonio_session_new_from_graph (graph, &options, NULL, &out->error);
  if (!session)
    return;
  gonio_session_outputs (session, &out->n);
  gonio_session_run (session, names, g->tensors, g->n_inputs, &out->outputs, NULL, &out->error);
}

/* ---- comparing ---- */

static gboolean
same_form (const GonioTensor *a, const GonioTensor *b)
{
  return gonio_tensor_dtype (a) == gonio_tensor_dtype (b) &&
         gonio_shape_equal (gonio_tensor_shape (a), gonio_tensor_shape (b));
}

/* Largest difference and magnitude. FALSE when an integer differs, or only one is finite. */
static gboolean
measure (const GonioTensor *a, const GonioTensor *b, double *out_worst, double *out_most)
{
  *out_worst = *out_most = 0;
  if (!gonio_dtype_is_float (gonio_tensor_dtype (b)))
    return gonio_tensor_size (a) == 0 ||
           memcmp (gonio_tensor_data (a), gonio_tensor_data (b), gonio_tensor_size (a)) == 0;
  for (int64_t i = 0; i < gonio_tensor_count (b); i++) {
    double x = gonio_tensor_get_double (a, i), y = gonio_tensor_get_double (b, i);
    if (x == y || (isnan (x) && isnan (y)))
      continue;
    if (all[0] && fabs (x) < FLT_MIN && fabs (y) < FLT_MIN)
      continue; /* cards may take what is smaller for 0 */
    if (!isfinite (x) || !isfinite (y))
      return FALSE;
    *out_worst = fmax (*out_worst, fabs (x - y));
  }
  for (int64_t i = 0; i < gonio_tensor_count (b); i++) {
    double y = gonio_tensor_get_double (b, i);
    *out_most = isfinite (y) ? fmax (*out_most, fabs (y)) : *out_most;
  }
  return TRUE;
}

/* What the noise of 2e-6 per operator does to output i: 50 times that is rounding, and an output
 * that it moves by a hundredth, or makes infinite, tells nothing. */
static gboolean
noise_explains (const uint8_t *data, size_t size, guint i, const GonioTensor *expected,
                double worst)
{
  RandomGraph noisy;
  g_auto (Result) result = {0};
  double moved = 0, most = 0;
  gboolean explained = FALSE;

  random_graph_build (&noisy, data, size, TRUE);
  run (&noisy, reference, GONIO_OPT_DISABLED, 1, &result);
  if (result.outputs && same_form (result.outputs[i], expected))
    explained = !measure (result.outputs[i], expected, &moved, &most) || moved > 0.01 * most ||
                worst <= 50 * moved;
  random_graph_clear (&noisy);
  return explained;
}

static void G_GNUC_NORETURN
differ (const RandomGraph *g, const char *who, guint i, const GonioTensor *got,
        const GonioTensor *expected)
{
  g_autofree char *text = gonio_graph_to_text (g->graph, gonio_op_name);
  g_autofree char *a = gonio_shape_to_string (gonio_tensor_shape (got));
  g_autofree char *b = gonio_shape_to_string (gonio_tensor_shape (expected));

  g_printerr ("%s\noutput %u: %s %s, expected %s %s\n", text, i,
              gonio_dtype_name (gonio_tensor_dtype (got)), a,
              gonio_dtype_name (gonio_tensor_dtype (expected)), b);
  for (int64_t k = 0, shown = 0;
       k < gonio_tensor_count (expected) && shown < 8 && k < gonio_tensor_count (got); k++) {
    double x = gonio_tensor_get_double (got, k), y = gonio_tensor_get_double (expected, k);
    if (fabs (x - y) <= 1e-6 * fabs (y) || (isnan (x) && isnan (y)))
      continue;
    g_printerr ("  [%" G_GINT64_FORMAT "] %.9g, expected %.9g\n", k, x, y);
    shown++;
  }
  fuzz_fail ("%s: output %u differs", who, i);
}

static void
compare (const RandomGraph *g, const char *who, const Result *got, const Result *expected)
{
  for (guint i = 0; i < expected->n; i++) {
    const GonioTensor *a = got->outputs[i], *b = expected->outputs[i];
    double worst = 0, most = 0;
    GonioDType dtype = gonio_tensor_dtype (b);
    double limit = dtype == GONIO_DTYPE_FLOAT16 || dtype == GONIO_DTYPE_BFLOAT16 ? 1e-2 : 1e-4;

    seen.values++;
    if (same_form (a, b) && measure (a, b, &worst, &most) && worst <= limit * most)
      continue;
    if (!same_form (a, b) || !gonio_dtype_is_float (dtype) ||
        !noise_explains (g->data, g->size, i, b, worst))
      differ (g, who, i, a, b);
    seen.excused++;
  }
}

static void
compare_with (const RandomGraph *g, const GonioBackendDef *const *backends, GonioOptLevel level,
              guint config, const Result *expected)
{
  g_autofree char *who =
      g_strdup_printf ("%s, level %d, setting %u", backends[0]->name, (int)level, config);
  g_auto (Result) got = {0};

  run (g, backends, level, config, &got);
  if (!got.outputs != !expected->outputs) {
    g_autofree char *text = gonio_graph_to_text (g->graph, gonio_op_name);
    fuzz_fail ("%s\n%s: %s; the reference without passes: %s", text, who,
               got.error ? got.error->message : "runs",
               expected->error ? expected->error->message : "runs");
  }
  if (got.outputs)
    compare (g, who, &got, expected);
}

/* From the named backend on, or without one. */
static const GonioBackendDef *const *
compared (void)
{
  const char *name = g_getenv ("GONIO_FUZZ_BACKEND");
  for (guint i = 0; on_cards[i] && name && !all[0]; i++)
    if (g_str_equal (on_cards[i]->name, name))
      all[0] = on_cards[i];
  return all[0] ? all : all + 1;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  RandomGraph g;
  g_auto (Result) expected = {0};
  guint n_outputs = 0;

  if (size < 4 || size > 4096)
    return 0;
  random_graph_build (&g, data + 1, size - 1, FALSE);
  gonio_graph_outputs (g.graph, &n_outputs);
  if (n_outputs > 0) {
    guint config = data[0];
    run (&g, reference, GONIO_OPT_DISABLED, 1, &expected);
    compare_with (&g, compared (), GONIO_OPT_ALL, config, &expected);
    compare_with (&g, compared (), config % 3, config / 3, &expected);
    compare_with (&g, reference, 1 + config % 3, config / 3, &expected);
    seen.graphs++;
    if (!expected.outputs) {
      g_debug ("runs nowhere: %s", expected.error->message);
      seen.unlike++;
    }
    seen.nodes += gonio_graph_n_nodes (g.graph);
    seen.refused += g.refused;
  }
  random_graph_clear (&g);
  return 0;
}

/* Called by replay.c after the files. GONIO_FUZZ_SEED and GONIO_FUZZ_COUNT choose other graphs. */
#define MORE_SEED 20261122
#ifdef __SANITIZE_ADDRESS__ /* ten times as slow */
#define MORE_GRAPHS 60
#else
#define MORE_GRAPHS 300
#endif

static guint
setting (const char *name, guint fallback)
{
  const char *text = g_getenv (name);
  return text ? (guint)g_ascii_strtoull (text, NULL, 10) : fallback;
}

void
gonio_fuzz_more (void)
{
  guint32 random = setting ("GONIO_FUZZ_SEED", MORE_SEED);
  guint count = setting ("GONIO_FUZZ_COUNT", MORE_GRAPHS);

  for (guint i = 0; i < count; i++) {
    uint8_t bytes[400];
    for (gsize k = 0; k < sizeof bytes; k++) {
      random = random * 1664525u + 1013904223u;
      bytes[k] = (uint8_t)(random >> 24);
    }
    LLVMFuzzerTestOneInput (bytes, sizeof bytes);
  }
  g_print ("%u graphs of %u nodes (%u refused) compared, %u values; rounding excused %u, %u graphs "
           "ran nowhere\n",
           seen.graphs, seen.nodes, seen.refused, seen.values, seen.excused, seen.unlike);
  g_assert_cmpuint (seen.excused, <, seen.values / 20);
  g_assert_cmpuint (seen.unlike, <, seen.graphs / 20);
  g_assert_cmpuint (seen.refused, <, seen.nodes / 10);
}
