/* The constants of a model, listed and exported; see initializers.h. */
#include "app/cli/initializers.h"

#include "app/cli/values.h"

static void
free_initializer (gpointer data)
{
  GonioInitializer *row = data;
  g_free (row->name);
  gonio_tensor_unref (row->tensor);
  g_free (row);
}

static void
collect (const GonioGraph *graph, const char *prefix, GPtrArray *rows)
{
  guint n;
  for (guint i = 0; i < gonio_graph_n_values (graph); i++) {
    const GonioValue *value = gonio_graph_value (graph, i);
    if (value->constant == NULL)
      continue;
    GonioInitializer *row = g_new0 (GonioInitializer, 1);
    row->name = g_strconcat (prefix, value->name, NULL);
    row->tensor = gonio_tensor_ref (value->constant);
    g_ptr_array_add (rows, row);
  }
  const GonioNodeId *order = gonio_graph_order (graph, &n);
  for (guint i = 0; i < n; i++) {
    const GonioNode *node = gonio_graph_node (graph, order[i]);
    for (guint a = 0; a < node->n_attrs; a++) {
      if (node->attrs[a].type != GONIO_ATTR_GRAPH)
        continue;
      g_autofree char *inner =
          g_strdup_printf ("%s%s/%s/", prefix, node->name, node->attrs[a].name);
      collect (node->attrs[a].graph, inner, rows);
    }
  }
}

GPtrArray *
gonio_cli_initializers (const GonioGraph *graph)
{
  GPtrArray *rows = g_ptr_array_new_with_free_func (free_initializer);
  collect (graph, "", rows);
  return rows;
}

/* Different names can become the same file name. */
static char *
free_path (GHashTable *taken, const char *dir, const char *name)
{
  char *path = gonio_cli_value_path (dir, name, ".npy");
  for (guint i = 2; g_hash_table_contains (taken, path); i++) {
    g_autofree char *ending = g_strdup_printf (".%u.npy", i);
    g_free (path);
    path = gonio_cli_value_path (dir, name, ending);
  }
  g_hash_table_add (taken, g_strdup (path));
  return path;
}

gboolean
gonio_cli_export_initializers (const GPtrArray *initializers, const char *dir, GError **error)
{
  g_autoptr (GHashTable) taken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GFile) folder = g_file_new_for_path (dir);
  g_autoptr (GError) local = NULL;
  if (!g_file_make_directory_with_parents (folder, NULL, &local) &&
      !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS)) {
    g_propagate_prefixed_error (error, g_steal_pointer (&local), "%s: ", dir);
    return FALSE;
  }
  for (guint i = 0; i < initializers->len; i++) {
    const GonioInitializer *row = g_ptr_array_index (initializers, i);
    g_autofree char *path = free_path (taken, dir, row->name);
    if (!gonio_tensor_save_npy (row->tensor, path, error)) {
      g_prefix_error (error, "initializer '%s': ", row->name);
      return FALSE;
    }
  }
  return TRUE;
}
