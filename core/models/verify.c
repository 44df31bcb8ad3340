/* Does the ONNX file keep what the manifest promises? Depends on models/manifest.h. */
#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/models/manifest.h"

#include <math.h>

gboolean
gonio_manifest_verify (const GonioManifest *m, GCancellable *cancellable, GError **error)
{
  g_autofree char *sha = NULL;
  g_autoptr (GError) read_error = NULL;
  gint64 size = 0;
  if (!gonio_file_sha256 (m->model_path, cancellable, &sha, &size, &read_error)) {
    if (g_error_matches (read_error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
      g_propagate_error (error, g_steal_pointer (&read_error));
      return FALSE;
    }
    g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_CHECKSUM,
                 "The network of the model \"%s\" cannot be read: %s", m->id, read_error->message);
    return FALSE;
  }
  if (size != m->size) {
    g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_CHECKSUM,
                 "%s has %" G_GINT64_FORMAT " bytes, its manifest says %" G_GINT64_FORMAT
                 ". Copy the model again.",
                 m->model_path, size, m->size);
    return FALSE;
  }
  if (!g_str_equal (sha, m->sha256)) {
    g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_CHECKSUM,
                 "%s has the SHA-256 %.12s..., its manifest says %.12s.... Copy the model again.",
                 m->model_path, sha, m->sha256);
    return FALSE;
  }
  return TRUE;
}

/* ---- ports ---- */

static const GonioPort *
find_port (const GonioPort *ports, guint n, const char *name)
{
  for (guint i = 0; i < n; i++)
    if (g_str_equal (ports[i].name, name))
      return &ports[i];
  return NULL;
}

static gboolean
mismatch (const GonioManifest *m, const char *what, const GonioPort *port, const char *expected,
          GError **error)
{
  g_autofree char *shape = gonio_sym_shape_to_string (&port->shape);
  g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_MISMATCH,
               "Model \"%s\": %s \"%s\" of the network is %s %s, the manifest says %s.", m->id,
               what, port->name, gonio_dtype_name (port->dtype), shape, expected);
  return FALSE;
}

/* expected: dims, -1 for any. A dimension that the network leaves free fits everything. */
static gboolean
check_port (const GonioManifest *m, const char *what, const GonioPort *ports, guint n_ports,
            const char *name, const int64_t *expected, guint rank, GError **error)
{
  const GonioPort *port = find_port (ports, n_ports, name);
  if (port == NULL) {
    g_autoptr (GString) all = g_string_new (NULL);
    for (guint i = 0; i < n_ports; i++)
      g_string_append_printf (all, "%s\"%s\"", i > 0 ? ", " : "", ports[i].name);
    g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_MISMATCH,
                 "Model \"%s\": the manifest names the %s \"%s\", the network has %s.", m->id, what,
                 name, all->str);
    return FALSE;
  }
  g_autoptr (GString) words = g_string_new ("float [");
  for (guint i = 0; i < rank; i++)
    if (expected[i] >= 0)
      g_string_append_printf (words, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", expected[i]);
    else
      g_string_append_printf (words, "%s?", i > 0 ? "," : "");
  g_string_append_c (words, ']');
  if (port->kind != GONIO_KIND_TENSOR ||
      (port->dtype != GONIO_DTYPE_FLOAT && port->dtype != GONIO_DTYPE_NONE))
    return mismatch (m, what, port, words->str, error);
  if (!port->shape.has_rank)
    return TRUE;
  gboolean fits = port->shape.rank == (int)rank;
  for (guint i = 0; fits && i < rank; i++)
    fits = expected[i] < 0 || port->shape.dims[i].value < 0 ||
           port->shape.dims[i].value == expected[i];
  return fits || mismatch (m, what, port, words->str, error);
}

static gboolean
check_output (const GonioManifest *m, const GonioModelOutput *o, const GonioPort *ports, guint n,
              GError **error)
{
  int64_t k = m->n_landmarks, w = m->input.width, h = m->input.height;
  switch (o->kind) {
  case GONIO_OUTPUT_HEATMAP: {
    const int64_t dims[] = {1, k, (int64_t)round (h / o->stride), (int64_t)round (w / o->stride)};
    return check_port (m, "output", ports, n, o->tensor, dims, 4, error);
  }
  case GONIO_OUTPUT_SIMCC: {
    const int64_t x[] = {1, k, (int64_t)round (w * o->bins)};
    const int64_t y[] = {1, k, (int64_t)round (h * o->bins)};
    return check_port (m, "output", ports, n, o->tensor, x, 3, error) &&
           check_port (m, "output", ports, n, o->tensor_y, y, 3, error);
  }
  case GONIO_OUTPUT_POINTS: {
    const int64_t dims[] = {1, k, o->visibility ? 3 : 2};
    return check_port (m, "output", ports, n, o->tensor, dims, 3, error);
  }
  case GONIO_OUTPUT_BACKWARD_MAP: {
    const int64_t dims[] = {1, 2, -1, -1};
    return check_port (m, "output", ports, n, o->tensor, dims, 4, error);
  }
  case GONIO_OUTPUT_CORNERS: {
    const int64_t dims[] = {1, 4, 2};
    return check_port (m, "output", ports, n, o->tensor, dims, 3, error);
  }
  case GONIO_OUTPUT_LOGITS: {
    const int64_t dims[] = {1, (int64_t)g_strv_length (o->labels)};
    return check_port (m, "output", ports, n, o->tensor, dims, 2, error);
  }
  }
  return TRUE;
}

gboolean
gonio_manifest_check_ports (const GonioManifest *m, const GonioPort *inputs, guint n_inputs,
                            const GonioPort *outputs, guint n_outputs, GError **error)
{
  const int64_t dims[] = {1, m->input.channels, m->input.height, m->input.width};
  if (!check_port (m, "input", inputs, n_inputs, m->input.name, dims, 4, error) ||
      !check_output (m, &m->output, outputs, n_outputs, error))
    return FALSE;
  for (guint i = 0; i < m->n_extras; i++)
    if (!check_output (m, &m->extras[i], outputs, n_outputs, error))
      return FALSE;
  return TRUE;
}
