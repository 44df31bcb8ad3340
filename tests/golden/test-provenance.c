/* What a result and a pipeline say of where the networks ran. */
#include "app/backends.h"
#include "core/base/error.h"
#include "core/pipeline/pipeline.h"

#include <glib/gstdio.h>
#include <string.h>

#define RESOURCES GONIO_SOURCE_DIR "/resources"
#define SAMPLE    RESOURCES "/samples/foot-dp.png"

static GonioPipeline *
open_pipeline (const char *backend, GonioPrecision precision, const char *extra_models)
{
  g_autoptr (GError) error = NULL;
  g_autofree const GonioBackendDef **backends = gonio_backends_parse (backend, &error);
  g_assert_no_error (error);
  const char *models[] = {extra_models != NULL ? extra_models : RESOURCES "/models",
                          RESOURCES "/models", NULL};
  const char *protocols[] = {RESOURCES "/protocols", NULL};
  const GonioPipelineOptions options = {.backends = backends,
                                        .backend_choice = backend,
                                        .evaluate = gonio_backends_evaluate,
                                        .precision = precision,
                                        .model_dirs = models,
                                        .protocol_dirs = protocols};
  GonioPipeline *pipeline = gonio_pipeline_new (&options, &error);
  g_assert_no_error (error);
  return pipeline;
}

static const GonioModelReport *
report_of (GPtrArray *reports, const char *id)
{
  for (guint i = 0; i < reports->len; i++)
    if (g_str_equal (((GonioModelReport *)reports->pdata[i])->id, id))
      return reports->pdata[i];
  g_assert_not_reached ();
}

/* The result's counts are those of the plan's rows. */
static void
check_counts (const GonioModelUse *use, const GonioModelReport *report)
{
  g_assert_nonnull (report->placement);
  g_assert_cmpuint (report->placement->len, >, 10);
  guint sum = 0;
  for (guint i = 0; i < use->nodes->len; i++) {
    const GonioNodeCount *count = use->nodes->pdata[i];
    guint rows = 0;
    for (guint k = 0; k < report->placement->len; k++)
      rows +=
          g_str_equal (((GonioPlacement *)report->placement->pdata[k])->backend, count->backend);
    g_assert_cmpuint (rows, ==, count->nodes);
    g_autofree char *words =
        g_strdup_printf ("%s %u node%s", count->backend, rows, rows == 1 ? "" : "s");
    g_assert_nonnull (strstr (use->placement, words));
    sum += rows;
  }
  g_assert_cmpuint (sum, ==, report->placement->len);
}

static void
test_sample (void)
{
  g_autoptr (GonioPipeline) pipeline = open_pipeline ("auto", GONIO_PRECISION_FP16, NULL);
  g_autoptr (GPtrArray) before = gonio_pipeline_dup_model_reports (pipeline);
  g_assert_cmpuint (before->len, >=, 5);
  for (guint i = 0; i < before->len; i++) {
    const GonioModelReport *report = before->pdata[i];
    g_assert_null (report->placement);
    g_assert_null (report->failure);
  }
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioPipelineOutput) output =
      gonio_pipeline_measure (pipeline, SAMPLE, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  const GonioResult *r = output->result;
  g_assert_cmpstr (r->backend_choice, ==, "auto");
  g_assert_cmpstr (r->precision, ==, "fp16");
  g_assert_cmpuint (r->backends->len, >=, 1);
  for (guint i = 0; i < r->backends->len; i++) {
    const GonioBackendUse *use = r->backends->pdata[i];
    g_assert_nonnull (gonio_backend_find (use->name));
    g_assert_nonnull (use->device);
    g_assert_nonnull (strstr (r->backend, use->device));
  }
  double all = 0;
  for (guint i = 0; i < r->timings->len; i++)
    all += ((GonioStageTime *)r->timings->pdata[i])->ms;
  g_assert_cmpfloat (r->networks_ms, >, 0);
  g_assert_cmpfloat (r->networks_ms, <, all);

  g_autoptr (GPtrArray) after = gonio_pipeline_dup_model_reports (pipeline);
  for (guint i = 0; i < r->models->len; i++) {
    const GonioModelUse *use = r->models->pdata[i];
    check_counts (use, report_of (after, use->id));
  }
  g_assert_cmpstr (report_of (after, "foot-dp")->task, ==, "landmarks");
  g_assert_null (report_of (after, "leg-ap")->placement);
}

static void
test_failure (void)
{
  g_autofree char *folder = g_dir_make_tmp ("gonio-provenance-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "foot-dp", NULL);
  g_autofree char *manifest = g_build_filename (model, "manifest.json", NULL);
  g_autofree char *network = g_build_filename (model, "model.onnx", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_assert_true (
      g_file_get_contents (RESOURCES "/models/foot-dp/manifest.json", &text, NULL, NULL));
  g_assert_cmpint (g_mkdir (model, 0700), ==, 0);
  g_assert_true (g_file_set_contents (manifest, text, -1, NULL));
  g_assert_true (g_file_set_contents (network, "not a network", -1, NULL));

  g_autoptr (GonioPipeline) pipeline = open_pipeline ("reference", GONIO_PRECISION_FP32, folder);
  const GonioMeasureOptions options = {.protocol = "foot-dp", .rectify = GONIO_RECTIFY_OFF};
  g_assert_null (gonio_pipeline_measure (pipeline, SAMPLE, &options, NULL, NULL, NULL, &error));
  g_assert_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_CHECKSUM);
  g_autoptr (GPtrArray) reports = gonio_pipeline_dup_model_reports (pipeline);
  g_assert_cmpstr (report_of (reports, "foot-dp")->failure, ==, error->message);
  g_assert_null (report_of (reports, "foot-dp")->placement);

  g_remove (manifest);
  g_remove (network);
  g_rmdir (model);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/provenance/sample", test_sample);
  g_test_add_func ("/provenance/failure", test_failure);
  return g_test_run ();
}
