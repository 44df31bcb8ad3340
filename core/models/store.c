/* Models found in folders, loaded when first used. Depends on models/store.h. */
#include "core/models/store.h"

#include "core/base/error.h"
#include "core/base/times.h"

#include <string.h>

enum { MAX_MODELS = 256 };

struct _GonioModel {
  GonioManifest *manifest;
  GMutex lock;
  GonioSession *session;
  GError *failure;
};

struct _GonioModelStore {
  GPtrArray *models;
  GPtrArray *problems;
};

static void
model_free (gpointer data)
{
  GonioModel *model = data;
  g_clear_pointer (&model->session, gonio_session_unref);
  g_clear_error (&model->failure);
  gonio_manifest_unref (model->manifest);
  g_mutex_clear (&model->lock);
  g_free (model);
}

static gboolean
has_id (GonioModelStore *store, const char *id)
{
  for (guint i = 0; i < store->models->len; i++)
    if (g_str_equal (((GonioModel *)store->models->pdata[i])->manifest->id, id))
      return TRUE;
  return FALSE;
}

static void
add_model (GonioModelStore *store, const char *path)
{
  g_autoptr (GError) error = NULL;
  GonioManifest *manifest = gonio_manifest_load (path, &error);
  if (manifest == NULL) {
    g_ptr_array_add (store->problems, g_strdup_printf ("%s (%s)", error->message, path));
    return;
  }
  if (has_id (store, manifest->id)) {
    gonio_manifest_unref (manifest);
    return;
  }
  GonioModel *model = g_new0 (GonioModel, 1);
  g_mutex_init (&model->lock);
  model->manifest = manifest;
  g_ptr_array_add (store->models, model);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
scan (GonioModelStore *store, const char *dir)
{
  g_autoptr (GDir) handle = g_dir_open (dir, 0, NULL);
  if (handle == NULL)
    return;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (const char *name = g_dir_read_name (handle); name != NULL; name = g_dir_read_name (handle))
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len && store->models->len < MAX_MODELS; i++) {
    g_autofree char *path = g_build_filename (dir, names->pdata[i], "manifest.json", NULL);
    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      add_model (store, path);
  }
}

GonioModelStore *
gonio_model_store_new (const char *const *dirs)
{
  GonioModelStore *store = g_new0 (GonioModelStore, 1);
  store->models = g_ptr_array_new_with_free_func (model_free);
  store->problems = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; dirs != NULL && dirs[i] != NULL; i++)
    scan (store, dirs[i]);
  return store;
}

void
gonio_model_store_free (GonioModelStore *store)
{
  if (store == NULL)
    return;
  g_ptr_array_unref (store->models);
  g_ptr_array_unref (store->problems);
  g_free (store);
}

GPtrArray *
gonio_model_store_models (GonioModelStore *store)
{
  return store->models;
}

GPtrArray *
gonio_model_store_problems (GonioModelStore *store)
{
  return store->problems;
}

GonioModel *
gonio_model_store_find (GonioModelStore *store, GonioModelTask task, const char *view)
{
  for (guint i = 0; i < store->models->len; i++) {
    GonioModel *model = store->models->pdata[i];
    if (model->manifest->task == task &&
        (view == NULL || model->manifest->views == NULL ||
         g_strv_contains ((const char *const *)model->manifest->views, view)))
      return model;
  }
  return NULL;
}

const GonioManifest *
gonio_model_manifest (GonioModel *model)
{
  return model->manifest;
}

char *
gonio_model_dup_placement (GonioModel *model)
{
  g_mutex_lock (&model->lock);
  char *summary =
      model->session != NULL ? gonio_session_dup_placement_summary (model->session) : NULL;
  g_mutex_unlock (&model->lock);
  return summary;
}

GonioSession *
gonio_model_dup_session (GonioModel *model, char **out_failure)
{
  g_mutex_lock (&model->lock);
  GonioSession *session = model->session != NULL ? gonio_session_ref (model->session) : NULL;
  *out_failure = model->failure != NULL ? g_strdup (model->failure->message) : NULL;
  g_mutex_unlock (&model->lock);
  return session;
}

static GonioSession *
open_session (const GonioManifest *m, const GonioSessionOptions *options, GCancellable *cancellable,
              GError **error)
{
  if (!gonio_manifest_verify (m, cancellable, error))
    return NULL;
  g_autoptr (GonioSession) session =
      gonio_session_new_from_file (m->model_path, options, cancellable, error);
  if (session == NULL) {
    g_prefix_error (error, "Model \"%s\": ", m->id);
    return NULL;
  }
  guint n_inputs = 0, n_outputs = 0;
  const GonioPort *inputs = gonio_session_inputs (session, &n_inputs);
  const GonioPort *outputs = gonio_session_outputs (session, &n_outputs);
  if (!gonio_manifest_check_ports (m, inputs, n_inputs, outputs, n_outputs, error))
    return NULL;
  return g_steal_pointer (&session);
}

gboolean
gonio_model_is_loaded (GonioModel *model)
{
  if (!g_mutex_trylock (&model->lock))
    return TRUE;
  gboolean loaded = model->session != NULL || model->failure != NULL;
  g_mutex_unlock (&model->lock);
  return loaded;
}

GonioSession *
gonio_model_session (GonioModel *model, const GonioSessionOptions *options,
                     GCancellable *cancellable, GError **error)
{
  if (!g_mutex_trylock (&model->lock)) {
    gint64 start = gonio_times_start ();
    g_mutex_lock (&model->lock);
    gonio_times_add ("wait for network", start);
  }
  if (model->session == NULL && model->failure == NULL) {
    g_autoptr (GError) failure = NULL;
    gint64 start = gonio_times_start ();
    model->session = open_session (model->manifest, options, cancellable, &failure);
    gonio_times_add ("load network", start);
    if (g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      g_mutex_unlock (&model->lock);
      return NULL;
    }
    model->failure = g_steal_pointer (&failure);
  }
  GonioSession *session = model->session;
  if (session == NULL && error != NULL)
    *error = g_error_copy (model->failure);
  g_mutex_unlock (&model->lock);
  return session;
}

/* ---- running ---- */

void
gonio_model_outputs_clear (GonioModelOutputs *outputs)
{
  if (outputs->tensors != NULL)
    gonio_session_free_outputs (outputs->tensors, outputs->n);
  outputs->tensors = NULL;
  outputs->n = 0;
}

gboolean
gonio_model_run (GonioModel *model, const GonioSessionOptions *options, GonioTensor *input,
                 GonioModelOutputs *out, GCancellable *cancellable, GError **error)
{
  GonioSession *session = gonio_model_session (model, options, cancellable, error);
  if (session == NULL)
    return FALSE;
  const char *names[] = {model->manifest->input.name};
  GonioTensor *inputs[] = {input};
  GonioTensor **tensors = NULL;
  gint64 start = gonio_times_start ();
  gboolean ran = gonio_session_run (session, names, inputs, 1, &tensors, cancellable, error);
  gonio_times_add (GONIO_TIME_INFERENCE, start);
  if (!ran) {
    if (error != NULL && !g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
      g_prefix_error (error, "Model \"%s\": ", model->manifest->id);
    return FALSE;
  }
  guint n = 0;
  gonio_session_outputs (session, &n);
  *out = (GonioModelOutputs){.session = session, .tensors = tensors, .n = n};
  return TRUE;
}

const GonioTensor *
gonio_model_outputs_get (const GonioModelOutputs *outputs, const char *name)
{
  guint n = 0;
  const GonioPort *ports = gonio_session_outputs (outputs->session, &n);
  for (guint i = 0; i < MIN (n, outputs->n); i++)
    if (g_str_equal (ports[i].name, name))
      return outputs->tensors[i];
  return NULL;
}

static const GonioTensor *
require_output (const GonioManifest *m, const GonioModelOutputs *outputs, const char *name,
                GError **error)
{
  const GonioTensor *tensor = gonio_model_outputs_get (outputs, name);
  if (tensor == NULL)
    g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_OUTPUT,
                 "Model \"%s\": the network gave no output \"%s\".", m->id, name);
  return tensor;
}

static gboolean
decode_landmarks (const GonioManifest *m, const GonioModelOutputs *outputs, GonioDecodedPoint *out,
                  GError **error)
{
  const GonioModelOutput *o = &m->output;
  const GonioTensor *tensor = require_output (m, outputs, o->tensor, error), *second = NULL;
  if (tensor == NULL)
    return FALSE;
  switch (o->kind) {
  case GONIO_OUTPUT_HEATMAP:
    return gonio_decode_heatmap (o, tensor, m->n_landmarks, out, error);
  case GONIO_OUTPUT_SIMCC:
    second = require_output (m, outputs, o->tensor_y, error);
    return second != NULL && gonio_decode_simcc (o, tensor, second, m->n_landmarks, out, error);
  case GONIO_OUTPUT_POINTS:
    return gonio_decode_points (o, tensor, m->n_landmarks, m->input.width, m->input.height, out,
                                error);
  case GONIO_OUTPUT_BACKWARD_MAP:
  case GONIO_OUTPUT_CORNERS:
  case GONIO_OUTPUT_LOGITS:
    break;
  }
  return gonio_decode_fail (o, error, "it does not hold landmarks");
}

gboolean
gonio_model_decode_landmarks (const GonioManifest *m, const GonioModelOutputs *outputs,
                              GonioDecodedPoint *out, GError **error)
{
  gint64 start = gonio_times_start ();
  gboolean done = decode_landmarks (m, outputs, out, error);
  gonio_times_add ("output", start);
  return done;
}
