/* How pictures come in: dialog, drop, command line, folders. */
#include "ui/window/gonio-main-window-private.h"

#include <glib/gi18n.h>

#define MAX_DEPTH 8
#define MAX_FILES 5000

/* Hidden files and what file managers leave behind are not pictures. */
static gboolean
wanted (GFileInfo *info)
{
  const char *name = g_file_info_get_name (info);
  return name && name[0] != '.' && !g_str_equal (name, "Thumbs.db") &&
         !g_str_equal (name, "DICOMDIR");
}

static int
by_path (gconstpointer a, gconstpointer b)
{
  g_autofree char *pa = g_file_get_parse_name (*(GFile *const *)a);
  g_autofree char *pb = g_file_get_parse_name (*(GFile *const *)b);
  g_autofree char *ka = g_utf8_collate_key_for_filename (pa, -1);
  g_autofree char *kb = g_utf8_collate_key_for_filename (pb, -1);
  return strcmp (ka, kb);
}

static void
collect (GFile *file, guint depth, GPtrArray *out)
{
  if (out->len >= MAX_FILES)
    return;
  const GFileType type =
      g_file_query_file_type (file, depth ? G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS : 0, NULL);
  if (type != G_FILE_TYPE_DIRECTORY) {
    if (type != G_FILE_TYPE_SYMBOLIC_LINK && type != G_FILE_TYPE_SPECIAL)
      g_ptr_array_add (out, g_object_ref (file));
    return;
  }
  if (depth >= MAX_DEPTH)
    return;
  g_autoptr (GFileEnumerator) children = g_file_enumerate_children (
      file, G_FILE_ATTRIBUTE_STANDARD_NAME, G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS, NULL, NULL);
  if (!children)
    return;
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_object_unref);
  GFileInfo *info = NULL;
  GFile *child = NULL;
  while (g_file_enumerator_iterate (children, &info, &child, NULL, NULL) && info)
    if (wanted (info))
      g_ptr_array_add (found, g_object_ref (child));
  g_ptr_array_sort (found, by_path);
  for (guint i = 0; i < found->len; i++)
    collect (g_ptr_array_index (found, i), depth + 1, out);
}

static void
collect_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GPtrArray *roots = data;
  GPtrArray *files = g_ptr_array_new_with_free_func (g_object_unref);
  for (guint i = 0; i < roots->len; i++)
    collect (g_ptr_array_index (roots, i), 0, files);
  g_task_return_pointer (task, files, (GDestroyNotify)g_ptr_array_unref);
}

static guint
find_item (GonioMainWindow *self, GFile *file)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->items)); i++) {
    g_autoptr (GonioItem) item = g_list_model_get_item (G_LIST_MODEL (self->items), i);
    if (g_file_equal (gonio_item_get_file (item), file))
      return i;
  }
  return GTK_INVALID_LIST_POSITION;
}

static void
on_collected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GonioMainWindow *self = GONIO_MAIN_WINDOW (source);
  g_autoptr (GPtrArray) files = g_task_propagate_pointer (G_TASK (result), NULL);
  if (!files || !self->items)
    return;
  if (files->len == 0)
    gonio_main_window_toast (self, _ ("There is no file in that folder."));
  guint first = GTK_INVALID_LIST_POSITION;
  for (guint i = 0; i < files->len; i++) {
    GFile *file = g_ptr_array_index (files, i);
    guint position = find_item (self, file);
    if (position == GTK_INVALID_LIST_POSITION) {
      g_autoptr (GonioItem) item = gonio_item_new (file);
      position = g_list_model_get_n_items (G_LIST_MODEL (self->items));
      g_list_store_append (self->items, item);
      gonio_queue_add (self->queue, item, FALSE);
    }
    if (first == GTK_INVALID_LIST_POSITION)
      first = position;
  }
  if (first != GTK_INVALID_LIST_POSITION) {
    gtk_editable_set_text (GTK_EDITABLE (self->search), "");
    gtk_single_selection_set_selected (self->selection, first);
  }
  gonio_main_window_update (self);
}

void
gonio_main_window_open_files (GonioMainWindow *self, GFile *const *files, int n_files)
{
  GPtrArray *roots = g_ptr_array_new_with_free_func (g_object_unref);
  for (int i = 0; i < n_files; i++)
    g_ptr_array_add (roots, g_object_ref (files[i]));
  g_autoptr (GTask) task = g_task_new (self, NULL, on_collected, NULL);
  g_task_set_task_data (task, roots, (GDestroyNotify)g_ptr_array_unref);
  g_task_run_in_thread (task, collect_in_thread);
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, GonioMainWindow *self)
{
  if (!G_VALUE_HOLDS (value, GDK_TYPE_FILE_LIST))
    return FALSE;
  g_autoptr (GPtrArray) files = g_ptr_array_new ();
  for (GSList *l = g_value_get_boxed (value); l; l = l->next)
    g_ptr_array_add (files, l->data);
  gonio_main_window_open_files (self, (GFile *const *)files->pdata, (int)files->len);
  return TRUE;
}

void
gonio_main_window_add_drop_target (GonioMainWindow *self)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  g_signal_connect (target, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (target));
}
