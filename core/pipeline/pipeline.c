/* Sets up models and protocols, runs jobs, in the caller's thread or in the worker's. Depends
 * on job.h. */
#include "core/pipeline/job.h"

#include "core/base/busy.h"
#include "core/base/error.h"
#include "core/base/times.h"

#include <string.h>

enum { MAX_PROTOCOLS = 256 };

/* ---- setting up ---- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
load_protocols (GonioPipeline *p, const char *dir)
{
  g_autoptr (GDir) handle = g_dir_open (dir, 0, NULL);
  if (handle == NULL)
    return;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name = g_dir_read_name (handle); name != NULL; name = g_dir_read_name (handle))
    if (g_str_has_suffix (name, ".json"))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len && p->protocols->len < MAX_PROTOCOLS; i++) {
    g_autofree char *path = g_build_filename (dir, names->pdata[i], NULL);
    g_autoptr (GError) error = NULL;
    GonioProtocol *protocol = gonio_protocol_load (path, &error);
    if (protocol == NULL)
      g_ptr_array_add (p->problems, g_strdup_printf ("%s (%s)", error->message, dir));
    else if (gonio_pipeline_find_protocol (p, gonio_protocol_id (protocol)) == NULL)
      g_ptr_array_add (p->protocols, protocol);
    else
      gonio_protocol_unref (protocol);
  }
}

typedef struct {
  const char *name;
  GonioBackendInfo info;
} Backend;

static void
clear_backend (gpointer data)
{
  Backend *backend = data;
  gonio_backend_info_clear (&backend->info);
}

/* Backend of those that this machine has. */
static GArray *
describe_backends (const GonioBackendDef *const *backends)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (Backend));
  g_array_set_clear_func (rows, clear_backend);
  for (guint i = 0; backends[i] != NULL; i++) {
    Backend row = {backends[i]->name, {0}};
    if (backends[i]->probe (&row.info, NULL))
      g_array_append_val (rows, row);
  }
  return rows;
}

/* What the results say of where they were made; in words "cpu (device; driver), reference (...)".
 */
static void
note_backends (GonioPipeline *p, GonioResult *result)
{
  g_autoptr (GString) words = g_string_new (NULL);
  for (guint i = 0; i < p->offered->len; i++) {
    const Backend *row = &g_array_index (p->offered, Backend, i);
    const char *device = row->info.device, *driver = row->info.driver;
    gonio_result_add_backend (result, row->name, device, driver);
    g_string_append_printf (words, "%s%s", words->len > 0 ? ", " : "", row->name);
    if (device != NULL)
      g_string_append_printf (words, " (%s%s%s)", device, driver != NULL ? "; " : "",
                              driver != NULL ? driver : "");
  }
  result->backend = g_string_free (g_steal_pointer (&words), FALSE);
  result->backend_choice = g_strdup (p->backend_choice);
  result->precision = g_strdup (gonio_precision_name (p->session.precision));
}

static void run_task (gpointer data, gpointer user_data);
static int compare_tasks (gconstpointer a, gconstpointer b, gpointer user_data);

GonioPipeline *
gonio_pipeline_new (const GonioPipelineOptions *options, GError **error)
{
  g_autoptr (GonioPipeline) p = g_new0 (GonioPipeline, 1);
  g_atomic_ref_count_init (&p->refs);
  g_mutex_init (&p->lock);
  p->protocols = g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_protocol_unref);
  p->problems = g_ptr_array_new_with_free_func (g_free);
  p->store = gonio_model_store_new (options->model_dirs);
  GPtrArray *problems = gonio_model_store_problems (p->store);
  for (guint i = 0; i < problems->len; i++)
    g_ptr_array_add (p->problems, g_strdup (problems->pdata[i]));
  for (guint i = 0; options->protocol_dirs != NULL && options->protocol_dirs[i] != NULL; i++)
    load_protocols (p, options->protocol_dirs[i]);

  guint n = 0;
  while (options->backends[n] != NULL)
    n++;
  p->backends = g_memdup2 (options->backends, (n + 1) * sizeof *options->backends);
  p->session = GONIO_SESSION_OPTIONS_DEFAULT;
  p->session.backends = p->backends;
  p->session.evaluate = options->evaluate;
  p->session.precision = options->precision;
  p->left_out = g_strdupv ((char **)options->left_out);
  p->jobs = MAX (1, options->jobs);
  guint all = options->threads > 0 ? options->threads : g_get_num_processors ();
  p->session.threads = p->jobs > 1 ? MAX (1, all / p->jobs) : options->threads;
  gonio_image_set_threads (p->session.threads);
  p->offered = describe_backends (p->backends);
  p->backend_choice = g_strdup (options->backend_choice);

  const char *what = p->protocols->len == 0 ? "protocol"
                     : gonio_model_store_find (p->store, GONIO_TASK_LANDMARKS, NULL) == NULL
                         ? "landmark model"
                         : NULL;
  if (what != NULL) {
    g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_MANIFEST,
                 "No usable %s was found. Install Gonio's data, or set GONIO_DATA_DIR to the "
                 "folder that holds \"models\" and \"protocols\".%s%s",
                 what, p->problems->len > 0 ? " First problem: " : "",
                 p->problems->len > 0 ? (const char *)p->problems->pdata[0] : "");
    return NULL;
  }
  p->workers = g_thread_pool_new (run_task, p, 1, FALSE, error);
  if (p->workers == NULL)
    return NULL;
  g_thread_pool_set_sort_function (p->workers, compare_tasks, NULL);
  return g_steal_pointer (&p);
}

GonioPipeline *
gonio_pipeline_ref (GonioPipeline *pipeline)
{
  g_atomic_ref_count_inc (&pipeline->refs);
  return pipeline;
}

void
gonio_pipeline_unref (GonioPipeline *p)
{
  if (p == NULL || !g_atomic_ref_count_dec (&p->refs))
    return;
  /* Every queued task holds a reference, so the queue is empty; the last of them may be the
   * one that calls, so the thread is not waited for. */
  if (p->workers != NULL)
    g_thread_pool_free (p->workers, FALSE, FALSE);
  gonio_model_store_free (p->store);
  g_ptr_array_unref (p->protocols);
  g_ptr_array_unref (p->problems);
  g_strfreev (p->left_out);
  g_free (p->backends);
  g_array_unref (p->offered);
  g_free (p->backend_choice);
  g_mutex_clear (&p->lock);
  g_free (p);
}

GPtrArray *
gonio_pipeline_problems (GonioPipeline *pipeline)
{
  return pipeline->problems;
}

GPtrArray *
gonio_pipeline_protocols (GonioPipeline *pipeline)
{
  return pipeline->protocols;
}

GonioProtocol *
gonio_pipeline_find_protocol (GonioPipeline *pipeline, const char *id)
{
  for (guint i = 0; i < pipeline->protocols->len; i++)
    if (g_str_equal (gonio_protocol_id (pipeline->protocols->pdata[i]), id))
      return pipeline->protocols->pdata[i];
  return NULL;
}

void
gonio_pipeline_output_free (GonioPipelineOutput *output)
{
  if (output == NULL)
    return;
  g_clear_pointer (&output->original, gonio_image_unref);
  g_clear_pointer (&output->rectified, gonio_image_unref);
  g_clear_pointer (&output->to_flat, gonio_transform_unref);
  g_clear_pointer (&output->result, gonio_result_unref);
  g_clear_pointer (&output->protocol, gonio_protocol_unref);
  g_free (output);
}

/* ---- running ---- */

static const struct {
  const char *name;
  double start; /* share of the job done before */
  gboolean (*run) (GonioJob *job, GError **error);
} stages[] = {
    {"decode", 0, gonio_job_decode},      {"rectify", 0.1, gonio_job_rectify},
    {"view", 0.3, gonio_job_view},        {"landmarks", 0.4, gonio_job_landmarks},
    {"measure", 0.95, gonio_job_measure},
};

static gboolean
run_stage (GonioJob *job, guint i, GError **error)
{
  if (g_cancellable_set_error_if_cancelled (job->cancellable, error))
    return FALSE;
  gonio_job_report (job, stages[i].name, stages[i].start);
  gint64 start = g_get_monotonic_time ();
  gonio_times_set_stage (stages[i].name);
  gboolean ran = stages[i].run (job, error);
  gonio_times_set_stage (NULL);
  if (ran)
    gonio_result_add_time (job->output->result, stages[i].name,
                           (g_get_monotonic_time () - start) / 1000.0);
  return ran;
}

/* Collects where the time goes, for the result and for whoever collects. */
static gboolean
run_stages (GonioJob *job, GError **error)
{
  GonioTimes times = {.n = 0};
  GonioTimes *collector = gonio_times_collector ();
  gboolean ran = TRUE;
  gonio_times_collect (&times);
  for (guint i = 0; ran && i < G_N_ELEMENTS (stages); i++)
    ran = run_stage (job, i, error);
  gonio_times_collect (collector);
  if (collector != NULL)
    gonio_times_merge (collector, &times);
  gint64 us = 0;
  for (guint i = 0; i < times.n; i++)
    us += g_str_equal (times.rows[i].step, GONIO_TIME_INFERENCE) ? times.rows[i].us : 0;
  job->output->result->networks_ms = us / 1000.0;
  return ran;
}

GonioPipelineOutput *
gonio_pipeline_measure (GonioPipeline *pipeline, const char *path,
                        const GonioMeasureOptions *options, GonioPipelineProgress progress,
                        gpointer progress_data, GCancellable *cancellable, GError **error)
{
  g_autoptr (GonioPipelineOutput) output = g_new0 (GonioPipelineOutput, 1);
  g_autoptr (GonioSampleCache) samples = gonio_sample_cache_new ();
  GonioJob job = {.pipeline = pipeline,
                  .path = path,
                  .samples = samples,
                  .progress = progress,
                  .progress_data = progress_data,
                  .cancellable = cancellable,
                  .output = output};
  if (options != NULL)
    job.options = *options;
  g_autoptr (GonioPreload) preload = gonio_preload_start (&job);
  job.preload = preload;
  g_autofree char *name = g_filename_display_name (path);
  output->result = gonio_result_new (name);
  output->result->left_out = g_strdupv (pipeline->left_out);
  output->result->state = GONIO_STATE_WORKING;
  output->result->program_version = g_strdup (GONIO_VERSION);
  note_backends (pipeline, output->result);
  if (!run_stages (&job, error))
    return NULL;
  gonio_job_report (&job, "measure", 1);
  return g_steal_pointer (&output);
}

/* ---- in the worker's thread ---- */

typedef struct {
  GonioPipeline *pipeline;
  GTask *task;
  int priority;
  guint64 sequence;
  char *path;
  char *protocol;
  GonioMeasureOptions options;
  GonioPipelineProgress progress;
  gpointer progress_data;
} Request;

static void
request_free (gpointer data)
{
  Request *request = data;
  g_free (request->path);
  g_free (request->protocol);
  gonio_pipeline_unref (request->pipeline);
  g_free (request);
}

/* GLib priorities: the smaller, the more urgent; then first come, first served. */
static int
compare_tasks (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Request *x = g_task_get_task_data ((GTask *)a), *y = g_task_get_task_data ((GTask *)b);
  if (x->priority != y->priority)
    return x->priority < y->priority ? -1 : 1;
  return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

typedef struct {
  GTask *task;
  char *stage;
  double fraction;
} Report;

static void
report_free (gpointer data)
{
  Report *report = data;
  g_object_unref (report->task);
  g_free (report->stage);
  g_free (report);
}

static gboolean
deliver_report (gpointer data)
{
  Report *report = data;
  const Request *request = g_task_get_task_data (report->task);
  /* After the callback has run, the caller's data may be gone. */
  if (!g_task_get_completed (report->task))
    request->progress (report->stage, report->fraction, request->progress_data);
  return G_SOURCE_REMOVE;
}

static void
report_from_worker (const char *stage, double fraction, gpointer data)
{
  GTask *task = data;
  Report *report = g_new0 (Report, 1);
  report->task = g_object_ref (task);
  report->stage = g_strdup (stage);
  report->fraction = fraction;
  /* Not g_main_context_invoke(): it would call on this thread whenever no other one happens to be
   * in the main loop. */
  GSource *source = g_idle_source_new ();
  g_source_set_priority (source, g_task_get_priority (task));
  g_source_set_callback (source, deliver_report, report, report_free);
  g_source_attach (source, g_task_get_context (task));
  g_source_unref (source);
}

static void
run_task (gpointer data, gpointer user_data)
{
  GTask *task = data;
  Request *request = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  GonioPipelineOutput *output =
      gonio_pipeline_measure (request->pipeline, request->path, &request->options,
                              request->progress != NULL ? report_from_worker : NULL, task,
                              g_task_get_cancellable (task), &error);
  GonioPipeline *pipeline = g_steal_pointer (&request->pipeline);
  if (output != NULL)
    g_task_return_pointer (task, output, (GDestroyNotify)gonio_pipeline_output_free);
  else
    g_task_return_error (task, g_steal_pointer (&error));
  g_object_unref (task);
  /* Closing it takes its time: not on the thread that the answer goes to. */
  gonio_pipeline_unref (pipeline);
  gonio_busy_end ();
}

void
gonio_pipeline_measure_async (GonioPipeline *pipeline, const char *path,
                              const GonioMeasureOptions *options, int io_priority,
                              GonioPipelineProgress progress, gpointer progress_data,
                              GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);
  g_task_set_source_tag (task, gonio_pipeline_measure_async);
  g_task_set_priority (task, io_priority);
  Request *request = g_new0 (Request, 1);
  request->pipeline = gonio_pipeline_ref (pipeline);
  request->priority = io_priority;
  request->path = g_strdup (path);
  if (options != NULL) {
    request->options = *options;
    request->protocol = g_strdup (options->protocol);
    request->options.protocol = request->protocol;
  }
  request->progress = progress;
  request->progress_data = progress_data;
  g_mutex_lock (&pipeline->lock);
  request->sequence = pipeline->sequence++;
  g_mutex_unlock (&pipeline->lock);
  g_task_set_task_data (task, request, request_free);
  gonio_busy_begin ();
  g_thread_pool_push (pipeline->workers, task, NULL);
}

GonioPipelineOutput *
gonio_pipeline_measure_finish (GonioPipeline *pipeline, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  return g_task_propagate_pointer (G_TASK (result), error);
}
