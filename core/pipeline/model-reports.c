/* Where the models of a pipeline run, for diagnostics. Depends on job.h. */
#include "core/pipeline/job.h"

static void
free_report (gpointer data)
{
  GonioModelReport *report = data;
  g_free (report->id);
  g_free (report->version);
  g_free (report->task);
  g_free (report->failure);
  g_free (report->fallbacks);
  g_clear_pointer (&report->placement, g_ptr_array_unref);
  g_free (report);
}

GPtrArray *
gonio_pipeline_dup_model_reports (GonioPipeline *pipeline)
{
  GPtrArray *reports = g_ptr_array_new_with_free_func (free_report);
  GPtrArray *models = gonio_model_store_models (pipeline->store);
  for (guint i = 0; i < models->len; i++) {
    const GonioManifest *manifest = gonio_model_manifest (models->pdata[i]);
    GonioModelReport *report = g_new0 (GonioModelReport, 1);
    report->id = g_strdup (manifest->id);
    report->version = g_strdup (manifest->version);
    report->task = g_strdup (gonio_model_task_name (manifest->task));
    g_autoptr (GonioSession) session = gonio_model_dup_session (models->pdata[i], &report->failure);
    if (session != NULL) {
      report->placement = gonio_session_dup_report (session);
      report->fallbacks = gonio_session_dup_fallbacks (session);
    }
    g_ptr_array_add (reports, report);
  }
  return reports;
}
