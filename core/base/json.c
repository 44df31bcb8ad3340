/* JSON with limits and paths in errors. Depends on GLib, json-glib. */
#include "core/base/json.h"

#include <gio/gio.h>
#include <math.h>
#include <string.h>

struct _GonioJson {
  JsonParser *parser; /* nullable */
  JsonNode *root;
  char *name;
  GPtrArray *path; /* char*: ".member" or "[3]" */
  GQuark domain;
  int code;
  GError *error;
};

/* json-glib recurses per level: count levels before it sees the text. */
static gboolean
check_depth (const char *text, size_t size, guint max_depth)
{
  guint depth = 0;
  gboolean in_string = FALSE;
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    if (in_string) {
      if (c == '\\')
        i++;
      else if (c == '"')
        in_string = FALSE;
    } else if (c == '"') {
      in_string = TRUE;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth)
        return FALSE;
    } else if ((c == ']' || c == '}') && depth > 0) {
      depth--;
    }
  }
  return TRUE;
}

static GonioJson *
json_new (const char *name, GQuark domain, int code)
{
  GonioJson *json = g_new0 (GonioJson, 1);
  json->name = g_strdup (name != NULL ? name : "JSON");
  json->path = g_ptr_array_new_with_free_func (g_free);
  json->domain = domain;
  json->code = code;
  return json;
}

GonioJson *
gonio_json_new_from_bytes (GBytes *bytes, const char *name, size_t max_bytes, GQuark domain,
                           int code, GError **error)
{
  size_t size = 0;
  const char *text = g_bytes_get_data (bytes, &size);
  if (max_bytes == 0)
    max_bytes = GONIO_JSON_MAX_BYTES;
  if (size > max_bytes) {
    g_set_error (error, domain, code, "%s: the file has %zu bytes, at most %zu are read", name,
                 size, max_bytes);
    return NULL;
  }
  if (size == 0 || !g_utf8_validate_len (text, size, NULL)) {
    g_set_error (error, domain, code, "%s: not JSON: %s", name,
                 size == 0 ? "the file is empty" : "it is not UTF-8 text");
    return NULL;
  }
  if (!check_depth (text, size, GONIO_JSON_MAX_DEPTH)) {
    g_set_error (error, domain, code, "%s: arrays and objects are nested deeper than %d levels",
                 name, GONIO_JSON_MAX_DEPTH);
    return NULL;
  }
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GError) parse_error = NULL;
  if (!json_parser_load_from_data (parser, text, (gssize)size, &parse_error)) {
    g_set_error (error, domain, code, "%s: not JSON: %s", name, parse_error->message);
    return NULL;
  }
  JsonNode *root = json_parser_get_root (parser);
  if (root == NULL) {
    g_set_error (error, domain, code, "%s: not JSON: the file holds no value", name);
    return NULL;
  }
  GonioJson *json = json_new (name, domain, code);
  json->parser = g_steal_pointer (&parser);
  json->root = root;
  return json;
}

GonioJson *
gonio_json_new_from_file (const char *path, size_t max_bytes, GQuark domain, int code,
                          GError **error)
{
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *name = g_filename_display_name (base);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) read_error = NULL;
  g_autoptr (GFileInfo) info =
      g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_SIZE "," G_FILE_ATTRIBUTE_STANDARD_TYPE,
                         G_FILE_QUERY_INFO_NONE, NULL, &read_error);
  if (max_bytes == 0)
    max_bytes = GONIO_JSON_MAX_BYTES;
  if (info != NULL && g_file_info_get_file_type (info) != G_FILE_TYPE_REGULAR) {
    g_set_error (error, domain, code, "%s: not a file", name);
    return NULL;
  }
  if (info != NULL && (guint64)g_file_info_get_size (info) > max_bytes) {
    g_set_error (error, domain, code,
                 "%s: the file has %" G_GINT64_FORMAT " bytes, at most %zu "
                 "are read",
                 name, (gint64)g_file_info_get_size (info), max_bytes);
    return NULL;
  }
  char *text = NULL;
  gsize size = 0;
  if (info == NULL || !g_file_load_contents (file, NULL, &text, &size, NULL, &read_error)) {
    g_set_error (error, domain, code, "%s: cannot be read: %s", name, read_error->message);
    return NULL;
  }
  g_autoptr (GBytes) bytes = g_bytes_new_take (text, size);
  return gonio_json_new_from_bytes (bytes, name, max_bytes, domain, code, error);
}

GonioJson *
gonio_json_new_from_node (JsonNode *root, const char *name, GQuark domain, int code)
{
  GonioJson *json = json_new (name, domain, code);
  json->root = root;
  return json;
}

void
gonio_json_free (GonioJson *json)
{
  if (json == NULL)
    return;
  g_clear_object (&json->parser);
  g_clear_error (&json->error);
  g_ptr_array_unref (json->path);
  g_free (json->name);
  g_free (json);
}

JsonNode *
gonio_json_root (GonioJson *json)
{
  return json->root;
}

gboolean
gonio_json_ok (const GonioJson *json)
{
  return json->error == NULL;
}

gboolean
gonio_json_finish (GonioJson *json, GError **error)
{
  if (json->error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&json->error));
  return FALSE;
}

void
gonio_json_fail (GonioJson *json, const char *format, ...)
{
  if (json->error != NULL)
    return;
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_autoptr (GString) path = g_string_new (NULL);
  for (guint i = 0; i < json->path->len; i++) {
    const char *part = json->path->pdata[i];
    g_string_append (path, path->len == 0 && part[0] == '.' ? part + 1 : part);
  }
  g_autofree char *safe = g_utf8_make_valid (message, -1);
  if (path->len > 0)
    json->error = g_error_new (json->domain, json->code, "%s: %s: %s", json->name, path->str, safe);
  else
    json->error = g_error_new (json->domain, json->code, "%s: %s", json->name, safe);
}

void
gonio_json_push (GonioJson *json, const char *member)
{
  g_ptr_array_add (json->path, g_strdup_printf (".%s", member));
}

void
gonio_json_push_index (GonioJson *json, guint index)
{
  g_ptr_array_add (json->path, g_strdup_printf ("[%u]", index));
}

void
gonio_json_pop (GonioJson *json)
{
  g_return_if_fail (json->path->len > 0);
  g_ptr_array_set_size (json->path, (int)json->path->len - 1);
}

static const char *
node_kind (JsonNode *node)
{
  if (node == NULL)
    return "nothing";
  switch (json_node_get_node_type (node)) {
  case JSON_NODE_OBJECT:
    return "an object";
  case JSON_NODE_ARRAY:
    return "an array";
  case JSON_NODE_NULL:
    return "null";
  case JSON_NODE_VALUE:
    break;
  }
  GType type = json_node_get_value_type (node);
  if (type == G_TYPE_STRING)
    return "a text";
  return type == G_TYPE_BOOLEAN ? "true or false" : "a number";
}

gboolean
gonio_json_check_fields (GonioJson *json, JsonObject *object, const char *const *known)
{
  if (json->error != NULL || object == NULL)
    return FALSE;
  g_autoptr (GList) members = json_object_get_members (object);
  for (GList *l = members; l != NULL; l = l->next)
    if (!g_strv_contains (known, l->data)) {
      g_autofree char *all = g_strjoinv (", ", (char **)known);
      gonio_json_fail (json, "unknown field \"%s\"; known here: %s", (const char *)l->data, all);
      return FALSE;
    }
  return TRUE;
}

JsonObject *
gonio_json_object (GonioJson *json, JsonNode *node, const char *const *known)
{
  if (json->error != NULL)
    return NULL;
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node)) {
    gonio_json_fail (json, "an object is expected here, not %s", node_kind (node));
    return NULL;
  }
  JsonObject *object = json_node_get_object (node);
  return known == NULL || gonio_json_check_fields (json, object, known) ? object : NULL;
}

JsonNode *
gonio_json_member (GonioJson *json, JsonObject *object, const char *member, gboolean required)
{
  if (json->error != NULL || object == NULL)
    return NULL;
  JsonNode *node = json_object_get_member (object, member);
  if (node != NULL && !JSON_NODE_HOLDS_NULL (node))
    return node;
  if (required) {
    gonio_json_push (json, member);
    gonio_json_fail (json, "this field is missing");
    gonio_json_pop (json);
  }
  return NULL;
}

static void
fail_member (GonioJson *json, const char *member, JsonNode *node, const char *expected)
{
  gonio_json_push (json, member);
  gonio_json_fail (json, "%s is expected here, not %s", expected, node_kind (node));
  gonio_json_pop (json);
}

const char *
gonio_json_text (GonioJson *json, JsonObject *object, const char *member, gboolean required)
{
  JsonNode *node = gonio_json_member (json, object, member, required);
  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING ||
      json_node_get_string (node)[0] == '\0') {
    fail_member (json, member, node, "a text that is not empty");
    return NULL;
  }
  return json_node_get_string (node);
}

const char *
gonio_json_id (GonioJson *json, JsonObject *object, const char *member, gboolean required,
               const char *allow_extra)
{
  const char *text = gonio_json_text (json, object, member, required);
  if (text == NULL)
    return NULL;
  gboolean good = strlen (text) <= 64 && g_ascii_isalnum (text[0]);
  for (const char *c = text; good && *c != '\0'; c++)
    good = g_ascii_isalnum (*c) || strchr ("._-", *c) != NULL ||
           (allow_extra != NULL && strchr (allow_extra, *c) != NULL);
  if (good)
    return text;
  gonio_json_push (json, member);
  gonio_json_fail (json,
                   "an id is up to 64 letters, digits, '.', '_', '-'%s%s%s, and begins with "
                   "a letter or digit",
                   allow_extra != NULL ? " or '" : "", allow_extra != NULL ? allow_extra : "",
                   allow_extra != NULL ? "'" : "");
  gonio_json_pop (json);
  return NULL;
}

static gboolean
holds_number (JsonNode *node)
{
  if (!JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  GType type = json_node_get_value_type (node);
  return type == G_TYPE_INT64 || type == G_TYPE_DOUBLE;
}

double
gonio_json_number (GonioJson *json, JsonObject *object, const char *member, gboolean required,
                   double fallback, double low, double high)
{
  JsonNode *node = gonio_json_member (json, object, member, required);
  if (node == NULL)
    return fallback;
  if (!holds_number (node)) {
    fail_member (json, member, node, "a number");
    return fallback;
  }
  double value = json_node_get_double (node);
  if (isfinite (value) && value >= low && value <= high)
    return value;
  gonio_json_push (json, member);
  gonio_json_fail (json, "%g is outside %g to %g", value, low, high);
  gonio_json_pop (json);
  return fallback;
}

gint64
gonio_json_integer (GonioJson *json, JsonObject *object, const char *member, gboolean required,
                    gint64 fallback, gint64 low, gint64 high)
{
  JsonNode *node = gonio_json_member (json, object, member, required);
  if (node == NULL)
    return fallback;
  if (!holds_number (node) || json_node_get_value_type (node) != G_TYPE_INT64) {
    fail_member (json, member, node, "a whole number");
    return fallback;
  }
  gint64 value = json_node_get_int (node);
  if (value >= low && value <= high)
    return value;
  gonio_json_push (json, member);
  gonio_json_fail (json,
                   "%" G_GINT64_FORMAT " is outside %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                   value, low, high);
  gonio_json_pop (json);
  return fallback;
}

gboolean
gonio_json_boolean (GonioJson *json, JsonObject *object, const char *member, gboolean fallback)
{
  JsonNode *node = gonio_json_member (json, object, member, FALSE);
  if (node == NULL)
    return fallback;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN) {
    fail_member (json, member, node, "true or false");
    return fallback;
  }
  return json_node_get_boolean (node);
}

JsonArray *
gonio_json_array (GonioJson *json, JsonObject *object, const char *member, gboolean required,
                  guint min, guint max)
{
  JsonNode *node = gonio_json_member (json, object, member, required);
  if (node == NULL)
    return NULL;
  if (!JSON_NODE_HOLDS_ARRAY (node)) {
    fail_member (json, member, node, "an array");
    return NULL;
  }
  JsonArray *array = json_node_get_array (node);
  guint n = json_array_get_length (array);
  if (n >= min && n <= max)
    return array;
  gonio_json_push (json, member);
  if (min == max)
    gonio_json_fail (json, "%u elements are expected here, not %u", min, n);
  else
    gonio_json_fail (json, "%u to %u elements are expected here, not %u", min, max, n);
  gonio_json_pop (json);
  return NULL;
}

int
gonio_json_choice (GonioJson *json, JsonObject *object, const char *member, gboolean required,
                   const char *const *choices, int fallback)
{
  const char *text = gonio_json_text (json, object, member, required);
  if (text == NULL)
    return fallback;
  for (int i = 0; choices[i] != NULL; i++)
    if (g_str_equal (text, choices[i]))
      return i;
  g_autofree char *all = g_strjoinv (", ", (char **)choices);
  gonio_json_push (json, member);
  gonio_json_fail (json, "\"%s\" is not one of: %s", text, all);
  gonio_json_pop (json);
  return fallback;
}

char **
gonio_json_strv (GonioJson *json, JsonObject *object, const char *member, gboolean required,
                 guint min, guint max)
{
  JsonArray *array = gonio_json_array (json, object, member, required, min, max);
  if (array == NULL)
    return NULL;
  guint n = json_array_get_length (array);
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < n; i++) {
    JsonNode *node = json_array_get_element (array, i);
    if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING) {
      gonio_json_push (json, member);
      gonio_json_push_index (json, i);
      gonio_json_fail (json, "a text is expected here, not %s", node_kind (node));
      gonio_json_pop (json);
      gonio_json_pop (json);
      return NULL;
    }
    g_ptr_array_add (texts, g_strdup (json_node_get_string (node)));
  }
  g_ptr_array_add (texts, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&texts), FALSE);
}
