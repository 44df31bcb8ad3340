/* Where networks ran, in words, and the text of the diagnostics. */
#include "app/backends.h"
#include "ui/model/gonio-diagnostics.h"
#include "ui/model/gonio-where.h"

#include <math.h>
#include <string.h>

#define RESOURCES GONIO_SOURCE_DIR "/resources"
#define SAMPLE    RESOURCES "/samples/foot-dp.png"

static GonioModelUse *
add_model (GonioResult *r)
{
  GonioModelUse *use = gonio_model_use_new ("foot-dp", "1.0", "ab", "landmarks", "words");
  g_ptr_array_add (r->models, use);
  return use;
}

static GonioResult *
new_result (const char *choice, double ms)
{
  GonioResult *r = gonio_result_new ("foot.png");
  r->backend_choice = g_strdup (choice);
  r->networks_ms = ms;
  gonio_result_add_time (r, "decode", 100);
  gonio_result_add_time (r, "landmarks", 1200);
  return r;
}

static void
check_line (const GonioResult *r, gboolean fallback, const char *expected)
{
  g_autofree char *line = gonio_where_line (r);
  g_assert_cmpstr (line, ==, expected);
  g_assert_cmpint (gonio_where_is_fallback (r), ==, fallback);
}

static void
test_processor (void)
{
  g_autoptr (GonioResult) r = new_result ("auto", 35.4);
  check_line (r, FALSE, NULL);
  g_autofree char *none = gonio_where_details (r);
  g_assert_null (none);
  gonio_result_add_backend (r, "cpu", "AVX-512, 2 threads", "own kernels");
  gonio_result_add_backend (r, "reference", NULL, NULL);
  check_line (r, FALSE, NULL);
  gonio_model_use_add_nodes (add_model (r), "cpu", 40);
  check_line (r, FALSE, "Processor: AVX-512, 2 threads, 35 ms");
  g_autofree char *details = gonio_where_details (r);
  g_assert_nonnull (strstr (details, "Processor: 40 steps (AVX-512, 2 threads; own kernels)"));
  g_assert_nonnull (strstr (details, "35 ms in the networks, 1.3 s for the whole picture"));
  r->networks_ms = NAN; /* a result of an older program */
  check_line (r, FALSE, "Processor: AVX-512, 2 threads");
}

static void
test_card (void)
{
  g_autoptr (GonioResult) r = new_result ("gl-compute", 2345);
  gonio_result_add_backend (r, "gl-compute", "Radeon", "OpenGL 4.6");
  gonio_result_add_backend (r, "cpu", "AVX2", NULL);
  GonioModelUse *first = add_model (r), *second = add_model (r);
  gonio_model_use_add_nodes (first, "gl-compute", 38);
  gonio_model_use_add_nodes (first, "cpu", 1);
  check_line (r, FALSE, "Graphics card (OpenGL compute): Radeon, 1 step on the processor, 2.3 s");
  gonio_model_use_add_nodes (second, "gl-compute", 3);
  gonio_model_use_add_nodes (second, "cpu", 2);
  check_line (r, FALSE, "Graphics card (OpenGL compute): Radeon, 3 steps on the processor, 2.3 s");
  r->precision = g_strdup ("fp16");
  check_line (r, FALSE,
              "Graphics card (OpenGL compute): Radeon, 3 steps on the processor, half accuracy, "
              "2.3 s");
}

/* Asked for by name, and not there, or nothing ran on it. */
static void
test_fallback (void)
{
  g_autoptr (GonioResult) r = new_result ("gl-fragment", 50);
  gonio_result_add_backend (r, "cpu", "AVX2", NULL);
  gonio_model_use_add_nodes (add_model (r), "cpu", 40);
  check_line (r, TRUE,
              "Graphics card (OpenGL, older cards) cannot be used: ran on the processor, 50 ms");
  g_free (r->backend_choice);
  r->backend_choice = g_strdup ("gl-fragment,cpu"); /* a list says itself what follows */
  check_line (r, FALSE, "Processor: AVX2, 50 ms");
}

/* Lost in the middle of the picture, whoever chose it. */
static void
test_lost (void)
{
  g_autoptr (GonioResult) r = new_result ("auto", 50);
  gonio_result_add_backend (r, "gl-compute", "Radeon", NULL);
  gonio_result_add_backend (r, "cpu", "AVX2", NULL);
  gonio_model_use_add_nodes (add_model (r), "gl-compute", 20);
  GonioModelUse *second = add_model (r);
  gonio_model_use_add_nodes (second, "cpu", 40);
  second->given_up = g_strsplit ("gl-compute: the driver was reset", "|", -1);
  check_line (r, TRUE,
              "Graphics card (OpenGL compute) failed: ran on the processor, "
              "20 steps on the graphics card, 50 ms");
  g_autofree char *details = gonio_where_details (r);
  g_assert_nonnull (strstr (details, "\nfoot-dp: gl-compute: the driver was reset\n"));
  /* Single nodes that another takes over are no failure. */
  gonio_model_use_add_nodes (second, "gl-compute", 30);
  check_line (r, FALSE, "Graphics card (OpenGL compute): Radeon, 40 steps on the processor, 50 ms");
}

static void
test_unknown (void)
{
  g_autoptr (GonioResult) r = new_result (NULL, 5);
  gonio_result_add_backend (r, "npu", NULL, NULL);
  gonio_model_use_add_nodes (add_model (r), "npu", 2);
  check_line (r, FALSE, "npu, 5 ms");
}

/* ---- diagnostics ---- */

static GonioPipeline *
open_pipeline (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (NULL, &error);
  const char *const models[] = {RESOURCES "/models", NULL};
  const char *const protocols[] = {RESOURCES "/protocols", NULL};
  const GonioPipelineOptions options = {.backends = backends,
                                        .backend_choice = "auto",
                                        .model_dirs = models,
                                        .protocol_dirs = protocols};
  GonioPipeline *pipeline = gonio_pipeline_new (&options, &error);
  g_assert_no_error (error);
  return pipeline;
}

static GPtrArray *
make_backends (void)
{
  static const GonioEngineBackend rows[] = {
      {.name = (char *)"cpu",
       .device = (char *)"AVX2",
       .driver = (char *)"own kernels",
       .decided = TRUE,
       .automatic = TRUE},
      {.name = (char *)"gl-compute", .problem = (char *)"there is no driver"},
      {.name = (char *)"gl-fragment",
       .device = (char *)"llvmpipe",
       .decided = TRUE,
       .passed_over = (char *)"a software rasteriser"},
  };
  GPtrArray *list = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_ptr_array_add (list, (gpointer)&rows[i]);
  return list;
}

static void
check_text (const GonioDiagnosticFacts *facts, const char *const *expected)
{
  g_autoptr (GPtrArray) sections = gonio_diagnostics_collect (facts);
  g_autofree char *text = gonio_diagnostics_to_text (sections);
  for (guint i = 0; expected[i] != NULL; i++)
    if (strstr (text, expected[i]) == NULL)
      g_error ("\"%s\" is not in:\n%s", expected[i], text);
}

static void
test_text (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline ();
  g_autoptr (GPtrArray) backends = make_backends ();
  g_autoptr (GPtrArray) libraries = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  g_ptr_array_add (libraries, (gpointer) "GTK 4.8.3");
  GonioDiagnosticFacts facts = {.pipeline = pipeline,
                                .backends = backends,
                                .choice = "gl-compute",
                                .note = "it failed its test",
                                .precision = GONIO_PRECISION_FP16,
                                .libraries = libraries};
  const char *const before[] = {
      "Program\n- Gonio " GONIO_VERSION,
      "    GTK 4.8.3\n",
      "Graphics card (OpenGL compute); 16-bit storage",
      "- Not what was chosen: it failed its test\n",
      "- cpu: Processor: AVX2; own kernels. Automatic uses it\n",
      "- gl-compute: Graphics card (OpenGL compute): Cannot be used here: there is no driver\n",
      "llvmpipe. Automatic passes it over: a software rasteriser\n",
      "- Landmarks: foot-dp 0.12.0: Not needed yet",
      "No picture has been measured yet",
      NULL};
  check_text (&facts, before);

  const GonioMeasureOptions options = {.protocol = "leg-ap", .rectify = GONIO_RECTIFY_OFF};
  g_autoptr (GonioPipelineOutput) output =
      gonio_pipeline_measure (pipeline, SAMPLE, &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  facts.result = output->result;
  const GonioModelUse *use = output->result->models->pdata[output->result->models->len - 1];
  g_assert_cmpstr (use->id, ==, "leg-ap");
  guint most = 0, sum = 0;
  for (guint i = 0; i < use->nodes->len; i++) {
    const GonioNodeCount *count = use->nodes->pdata[i];
    most = MAX (most, count->nodes);
    sum += count->nodes;
  }
  g_autofree char *row =
      g_strdup_printf ("- Landmarks: leg-ap %s: %u of %u nodes on ", use->version, most, sum);
  g_autofree char *where = gonio_where_line (output->result);
  g_autofree char *picture = g_strdup_printf ("The picture shown\n- foot-dp.png: %s\n", where);
  const char *const after[] = {row, picture, "    Finding the bones: ", NULL};
  check_text (&facts, after);
}

/* Nothing to measure with: the page says why, and what backends there are. */
static void
test_broken (void)
{
  const GonioDiagnosticFacts facts = {.error = "No usable model was found.", .choice = "auto"};
  const char *const expected[] = {"- Gonio cannot measure: No usable model was found.\n",
                                  "Automatic; 32-bit (fp32)", NULL};
  check_text (&facts, expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/where/processor", test_processor);
  g_test_add_func ("/where/card", test_card);
  g_test_add_func ("/where/fallback", test_fallback);
  g_test_add_func ("/where/lost", test_lost);
  g_test_add_func ("/where/unknown", test_unknown);
  g_test_add_func ("/diagnostics/text", test_text);
  g_test_add_func ("/diagnostics/broken", test_broken);
  return g_test_run ();
}
