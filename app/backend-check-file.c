/* Outcomes of self-tests as files: JSON, one for each key, written at once or not at all. Whatever
 * is not as this program writes it counts as not there. */
#include "app/backend-check.h"

#include "core/base/json.h"

#include <gio/gio.h>

#include <glib/gstdio.h>

#define FORMAT    1
#define MAX_BYTES (256 << 10)
#define MAX_ROWS  1024

static const char *const outcomes[] = {"passed", "failed", "crashed", "late", NULL};
static const char *const states[] = {"passed", "failed", "not-claimed", NULL};

static void
row_free (gpointer data)
{
  GonioCheckRow *row = data;
  g_free (row->family);
  g_free (row->name);
  g_free (row->text);
  g_free (row);
}

GonioBackendCheck *
gonio_backend_check_new (void)
{
  GonioBackendCheck *check = g_new0 (GonioBackendCheck, 1);
  check->rows = g_ptr_array_new_with_free_func (row_free);
  return check;
}

void
gonio_backend_check_free (GonioBackendCheck *check)
{
  if (!check)
    return;
  g_free (check->reason);
  g_free (check->date);
  g_ptr_array_unref (check->rows);
  g_free (check);
}

void
gonio_backend_check_add (GonioBackendCheck *check, const char *family, const char *name,
                         GonioCaseState state, const char *text)
{
  GonioCheckRow *row = g_new0 (GonioCheckRow, 1);
  *row = (GonioCheckRow){g_strdup (family), g_strdup (name), state, g_strdup (text)};
  g_ptr_array_add (check->rows, row);
}

guint
gonio_backend_check_count (const GonioBackendCheck *check, GonioCaseState state)
{
  guint n = 0;
  for (guint i = 0; i < check->rows->len; i++)
    n += ((const GonioCheckRow *)check->rows->pdata[i])->state == state;
  return n;
}

double
gonio_backend_check_speed (const GonioBackendCheck *check)
{
  return check->device_ms > 0 ? check->host_ms / check->device_ms : 0;
}

char *
gonio_backend_check_key (const GonioBackendDef *def, const GonioBackendInfo *info,
                         GonioPrecision precision)
{
  g_autofree char *cases = gonio_backend_cases_digest ();
  g_autofree char *key =
      g_strjoin ("\n", def->name, info->device ? info->device : "",
                 info->driver ? info->driver : "", gonio_precision_name (precision), GONIO_VERSION,
                 def->revision ? def->revision : "", cases, NULL);
  return g_utf8_make_valid (key, -1);
}

char *
gonio_backend_check_path (const GonioBackendDef *def, const char *key)
{
  g_autofree char *digest = g_compute_checksum_for_string (G_CHECKSUM_SHA256, key, -1);
  g_autofree char *file = g_strdup_printf ("%s-%.16s.json", def->name, digest);
  return g_build_filename (g_get_user_cache_dir (), "gonio", "self-tests", file, NULL);
}

/* ---- reading ---- */

static void
read_row (GonioJson *json, JsonNode *node, GonioBackendCheck *check)
{
  JsonObject *object = gonio_json_object (json, node, NULL);
  const char *family = gonio_json_text (json, object, "family", TRUE);
  const char *name = gonio_json_text (json, object, "name", TRUE);
  int state = gonio_json_choice (json, object, "state", TRUE, states, GONIO_CASE_FAILED);
  const char *text = gonio_json_text (json, object, "text", FALSE);
  if (gonio_json_ok (json))
    gonio_backend_check_add (check, family, name, (GonioCaseState)state, text);
}

/* Does the outcome follow from the rows? */
static gboolean
is_consistent (const GonioBackendCheck *check)
{
  if (check->outcome != GONIO_CHECK_PASSED)
    return check->reason != NULL;
  return gonio_backend_check_count (check, GONIO_CASE_FAILED) == 0 &&
         gonio_backend_check_count (check, GONIO_CASE_PASSED) > 0;
}

static gboolean
read_check (GonioJson *json, const char *key, GonioBackendCheck *check, GError **error)
{
  JsonObject *object = gonio_json_object (json, gonio_json_root (json), NULL);
  gonio_json_integer (json, object, "format", TRUE, 0, FORMAT, FORMAT);
  const char *kept_key = gonio_json_text (json, object, "key", TRUE);
  if (kept_key && !g_str_equal (kept_key, key))
    gonio_json_fail (json, "is of another machine, driver or program");
  check->outcome = (GonioCheckOutcome)gonio_json_choice (json, object, "outcome", TRUE, outcomes,
                                                         GONIO_CHECK_FAILED);
  check->reason = g_strdup (gonio_json_text (json, object, "reason", FALSE));
  check->date = g_strdup (gonio_json_text (json, object, "date", TRUE));
  check->device_ms = gonio_json_number (json, object, "device_ms", FALSE, 0, 0, 1e9);
  check->host_ms = gonio_json_number (json, object, "host_ms", FALSE, 0, 0, 1e9);
  JsonArray *rows = gonio_json_array (json, object, "cases", TRUE, 0, MAX_ROWS);
  for (guint i = 0; rows && i < json_array_get_length (rows) && gonio_json_ok (json); i++)
    read_row (json, json_array_get_element (rows, i), check);
  if (gonio_json_ok (json) && !is_consistent (check))
    gonio_json_fail (json, "contradicts itself");
  return gonio_json_finish (json, error);
}

GonioBackendCheck *
gonio_backend_check_load (const char *path, const char *key)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GonioBackendCheck) check = gonio_backend_check_new ();
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return NULL;
  g_autoptr (GonioJson) json =
      gonio_json_new_from_file (path, MAX_BYTES, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, &error);
  if (!json || !read_check (json, key, check, &error)) {
    g_info ("a kept self-test is passed over: %s", error->message);
    return NULL;
  }
  check->kept = TRUE;
  return g_steal_pointer (&check);
}

/* ---- writing ---- */

static void
set_text (JsonObject *object, const char *member, const char *text)
{
  if (!text)
    return;
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  json_object_set_string_member (object, member, valid);
}

static JsonArray *
rows_to_json (const GonioBackendCheck *check)
{
  JsonArray *rows = json_array_new ();
  for (guint i = 0; i < check->rows->len; i++) {
    const GonioCheckRow *row = check->rows->pdata[i];
    JsonObject *object = json_object_new ();
    set_text (object, "family", row->family);
    set_text (object, "name", row->name);
    set_text (object, "state", states[row->state]);
    set_text (object, "text", row->text);
    json_array_add_object_element (rows, object);
  }
  return rows;
}

gboolean
gonio_backend_check_save (const GonioBackendCheck *check, const char *path, const char *key,
                          GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();
  json_node_take_object (root, object);
  json_object_set_int_member (object, "format", FORMAT);
  set_text (object, "key", key);
  set_text (object, "outcome", outcomes[check->outcome]);
  set_text (object, "reason", check->reason);
  set_text (object, "date", check->date);
  json_object_set_double_member (object, "device_ms", check->device_ms);
  json_object_set_double_member (object, "host_ms", check->host_ms);
  json_object_set_array_member (object, "cases", rows_to_json (check));
  g_autofree char *text = json_to_string (root, TRUE);
  if (g_mkdir_with_parents (folder, 0700) != 0) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the folder %s cannot be made", folder);
    return FALSE;
  }
  return g_file_set_contents (path, text, -1, error); /* to a new file, then renamed */
}
