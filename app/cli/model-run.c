/* gonio-cli model run: inputs from files, outputs to .npy files. */
#include "app/cli/values.h"

#include <string.h>

/* The input of that name; when there is none, any tensor will do: the run will say so. */
static GonioPort
port_of (GonioSession *session, const char *name)
{
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  for (guint i = 0; i < n; i++)
    if (g_str_equal (ports[i].name, name))
      return ports[i];
  return (GonioPort){.kind = GONIO_KIND_TENSOR};
}

/* "NAME=FILE": the last '=' would cut file names, the first one tensor names; files win since
 * a tensor name with '=' can be told apart by what the model has. */
static gboolean
split_pair (GonioSession *session, const char *pair, char **out_name, const char **out_path)
{
  guint n;
  const GonioPort *ports = gonio_session_inputs (session, &n);
  for (guint i = 0; i < n; i++) {
    gsize length = strlen (ports[i].name);
    if (strncmp (pair, ports[i].name, length) == 0 && pair[length] == '=') {
      *out_name = g_strdup (ports[i].name);
      *out_path = pair + length + 1;
      return TRUE;
    }
  }
  const char *equals = strchr (pair, '=');
  if (equals == NULL)
    return FALSE;
  *out_name = g_strndup (pair, (gsize)(equals - pair));
  *out_path = equals + 1;
  return TRUE;
}

static gboolean
load_inputs (GonioSession *session, char **pairs, GPtrArray *names, GPtrArray *tensors,
             GError **error)
{
  for (guint i = 0; pairs != NULL && pairs[i] != NULL; i++) {
    char *name = NULL;
    const char *path = NULL;
    if (!split_pair (session, pairs[i], &name, &path)) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "--input wants NAME=FILE, not '%s'", pairs[i]);
      return FALSE;
    }
    g_ptr_array_add (names, name);
    GonioPort port = port_of (session, name);
    GonioTensor *tensor = gonio_cli_load_value (path, port.kind, port.dtype, error);
    if (tensor == NULL)
      return FALSE;
    g_ptr_array_add (tensors, tensor);
  }
  return TRUE;
}

/* A list becomes <name>.<item>.npy for each of its tensors; an empty one leaves no file. */
static gboolean
save_value (const GonioTensor *value, const char *dir, const char *name, GError **error)
{
  g_autofree char *text = gonio_list_describe (value);
  if (gonio_tensor_kind (value) == GONIO_KIND_TENSOR) {
    g_autofree char *path = gonio_cli_value_path (dir, name, ".npy");
    if (!gonio_tensor_save_npy (value, path, error))
      return FALSE;
    gonio_cli_print ("%s\t%s\t%s\n", name, text, path);
    return TRUE;
  }
  gonio_cli_print ("%s\t%s\n", name, text);
  for (guint i = 0; i < gonio_list_length (value); i++) {
    g_autofree char *item = g_strdup_printf ("%s.%u", name, i);
    if (!save_value (gonio_list_item (value, i), dir, item, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
save_outputs (GonioSession *session, GonioTensor **outputs, const char *dir, GError **error)
{
  guint n;
  const GonioPort *ports = gonio_session_outputs (session, &n);
  g_autoptr (GFile) folder = g_file_new_for_path (dir);
  g_autoptr (GError) local = NULL;
  if (!g_file_make_directory_with_parents (folder, NULL, &local) &&
      !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS)) {
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", dir);
    return FALSE;
  }
  for (guint i = 0; i < n; i++)
    if (!save_value (outputs[i], dir, ports[i].name, error))
      return FALSE;
  return TRUE;
}

static gboolean
run (const char *model, const GonioSessionOptions *options, char **pairs, const char *dir,
     GError **error)
{
  g_autoptr (GonioSession) session =
      gonio_session_new_from_file (model, options, gonio_cli_cancellable (), error);
  if (session == NULL)
    return FALSE;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) tensors =
      g_ptr_array_new_with_free_func ((GDestroyNotify)gonio_tensor_unref);
  GonioTensor **outputs = NULL;
  guint n_outputs;
  gonio_session_outputs (session, &n_outputs);
  if (!load_inputs (session, pairs, names, tensors, error) ||
      !gonio_session_run (session, (const char *const *)names->pdata,
                          (GonioTensor *const *)tensors->pdata, names->len, &outputs,
                          gonio_cli_cancellable (), error))
    return FALSE;
  gboolean ok = save_outputs (session, outputs, dir, error);
  gonio_session_free_outputs (outputs, n_outputs);
  return ok;
}

GonioExit
gonio_cli_model_run (const GonioCommand *command, int argc, char **argv)
{
  g_auto (GonioCliSession) args = {0};
  g_auto (GStrv) pairs = NULL;
  g_autofree char *dir = NULL;
  g_autoptr (GError) error = NULL;
  GonioExit code = GONIO_EXIT_DONE;
  const GOptionEntry entries[] = {
      {"input", 'i', 0, G_OPTION_ARG_STRING_ARRAY, &pairs, "a .npy or .pb file for an input",
       "NAME=FILE"},
      {"output-dir", 'o', 0, G_OPTION_ARG_FILENAME, &dir, "write <output>.npy there", "DIR"},
      G_OPTION_ENTRY_NULL,
  };
  if (!gonio_cli_parse (command, entries, &args, 1, 1, &argc, &argv, &code))
    return code;
  if (dir == NULL)
    return gonio_cli_usage ("--output-dir DIR is needed");
  GonioSessionOptions options;
  g_autofree const GonioBackendDef **backends = NULL;
  if (!gonio_cli_session_options (&args, &options, &backends, &error) ||
      !run (argv[1], &options, pairs, dir, &error))
    return gonio_cli_fail (error);
  return GONIO_EXIT_DONE;
}
